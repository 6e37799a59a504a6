import { type Completion, type Decoded, NO_TEXT, WRONG_SHAPE } from '../format.ts'
import { decodeJsonObject, isJsonObject, type JsonObject } from '../json-body.ts'
import { readItem } from './item.ts'
import { type PlacedText, Reading } from './message.ts'

/** One place in an answer that holds texts. */
export interface OutputReading {
  /** Place in `output`; undefined for the answer's own `output_text`. */
  readonly item: number | undefined
  readonly reading: Reading
}

/** What a `response` object says, in order; undefined where it is no answer. */
export function readOutput({ output, output_text }: JsonObject): readonly OutputReading[] | undefined {
  if (!Array.isArray(output)) return undefined
  const readings: OutputReading[] = []
  for (const [item, value] of output.entries()) {
    if (!isJsonObject(value)) return undefined
    const reading = new Reading('response')
    readItem(reading, value)
    readings.push({ item, reading })
  }
  // Not the API's: its SDKs put all text together here, and keep what a server sends.
  if (typeof output_text === 'string') {
    const reading = new Reading('response')
    reading.add({ role: 'assistant', kind: 'content' }, [], output_text)
    readings.push({ item: undefined, reading })
  }
  return readings
}

/** The way from a `response` object to one of its texts. */
export function placeInResponse(
  item: number | undefined,
  { place }: PlacedText,
): readonly (string | number)[] {
  return item === undefined ? ['output_text', ...place] : ['output', item, ...place]
}

/** A `response` body. It repeats the request's instructions and settings; nobody says those here. */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  const readings = readOutput(json.value)
  if (readings === undefined) return WRONG_SHAPE
  const segments = readings.flatMap(({ item, reading }) =>
    reading.texts
      .filter(({ text }) => text !== '')
      .map(placed => {
        const { role, kind, text, syntax } = placed
        return { message: 0, role, kind, text, syntax, path: placeInResponse(item, placed) }
      }),
  )
  const uninspectable = readings.reduce((sum, { reading }) => sum + reading.uninspectable, 0)
  return { kind: 'ok', value: { segments, uninspectable } }
}

/** The object says what it is, and so does every event of its stream. */
export function claimsResponse(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  return value.object === 'response' || (typeof value.type === 'string' && value.type.startsWith('response.'))
}

/** What `…/responses/compact` answers, which is read like any answer. */
export function claimsCompaction(value: unknown): boolean {
  return isJsonObject(value) && value.object === 'response.compaction'
}

export function claimsTokenCount(value: unknown): boolean {
  return isJsonObject(value) && value.object === 'response.input_tokens'
}

/** A number of tokens, and no text. */
export function decodeTokenCount(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  return typeof json.value.input_tokens === 'number' ? NO_TEXT : WRONG_SHAPE
}
