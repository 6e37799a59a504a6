import { withTexts } from './edited-parts.ts'
import { type EventFrame, editEventData, openEventStream } from './event-stream.ts'
import {
  type Frame,
  type JsonPath,
  NO_PARTS,
  type Part,
  type StreamDecoder,
  type TextEdit,
  type Undecodable,
} from './format.ts'
import { isJsonObject, type JsonObject, parseJson } from './json-body.ts'
import { type JsonEdit, jsonSplices } from './json-edits.ts'

/** What a refusal that goes on with a stream of OpenAI chunks must repeat or keep to. */
export interface ChunkFacts {
  /** Undefined where the upstream leaves it out or empty. */
  readonly id: string | undefined
  readonly model: string | undefined
  /** Unix time in seconds. */
  readonly createdSec: number | undefined
  readonly hasUsage: boolean
}

export function readChunkFacts({ id, model, created, usage }: JsonObject): ChunkFacts {
  return {
    id: typeof id === 'string' && id !== '' ? id : undefined,
    model: typeof model === 'string' && model !== '' ? model : undefined,
    createdSec: typeof created === 'number' && created > 0 ? created : undefined,
    hasUsage: isJsonObject(usage),
  }
}

/** A frame that remembers the facts of its chunk, so that releasing it parses nothing again. */
export class JsonEventFrame implements Frame {
  readonly bytes: Uint8Array
  readonly parts: readonly Part[]
  /** Undefined when the frame holds no chunk: comments, `[DONE]`, errors, events of APIs that have none. */
  readonly facts: ChunkFacts | undefined

  constructor(bytes: Uint8Array, parts: readonly Part[], facts?: ChunkFacts) {
    this.bytes = bytes
    this.parts = parts
    this.facts = facts
  }
}

/** What one event says; undefined: it has a shape that the API does not have. */
export type EventReader = (
  event: JsonObject,
) => { readonly parts: readonly Part[]; readonly facts?: ChunkFacts } | undefined

/**
 * A stream of server-sent events whose data are JSON objects, as OpenAI's APIs write them: `[DONE]` ends it, and an
 * event with an `error` is raised by the clients and says nothing itself. `repeats`: `read` may give text-repeat parts.
 */
export function openJsonEvents(read: EventReader, repeats?: 'repeats'): StreamDecoder {
  return new JsonEventStream(read, repeats === undefined ? undefined : true)
}

class JsonEventStream implements StreamDecoder {
  readonly repeats?: true
  readonly #framer = openEventStream()
  readonly #readEvent: EventReader

  constructor(read: EventReader, repeats: true | undefined) {
    this.#readEvent = read
    if (repeats) this.repeats = repeats
  }

  get buffered(): number {
    return this.#framer.buffered
  }

  push(chunk: Uint8Array): readonly Frame[] {
    return this.#framer.push(chunk).map(frame => this.#read(frame))
  }

  end(): readonly Frame[] {
    return this.#framer.end().map(frame => this.#read(frame))
  }

  #read(frame: EventFrame): JsonEventFrame {
    if (frame.kind === 'undecodable') return undecodable(frame.bytes, frame.reason)
    const data = frame.data?.trim()
    if (data === undefined || data === '') return new JsonEventFrame(frame.bytes, NO_PARTS)
    if (data === '[DONE]') return new JsonEventFrame(frame.bytes, [{ kind: 'terminator' }])
    const json = parseJson(data)
    if (json.kind !== 'ok') return undecodable(frame.bytes, json.reason)
    const event = json.value
    if (!isJsonObject(event)) return undecodable(frame.bytes, 'wrong-shape')
    const said = this.#readEvent(event)
    if (said !== undefined) return new JsonEventFrame(frame.bytes, said.parts, said.facts)
    return isJsonObject(event.error)
      ? new JsonEventFrame(frame.bytes, [])
      : undecodable(frame.bytes, 'wrong-shape')
  }
}

function undecodable(bytes: Uint8Array, reason: Undecodable): JsonEventFrame {
  return new JsonEventFrame(bytes, [{ kind: 'undecodable', reason }])
}

/** The facts of a frame; read from its bytes where the frame was changed on the way and is not one of ours. */
export function chunkFactsOf(frame: Frame, openStream: () => StreamDecoder): ChunkFacts | undefined {
  if (frame instanceof JsonEventFrame) return frame.facts
  const stream = openStream()
  for (const read of [...stream.push(frame.bytes), ...stream.end()]) {
    if (read instanceof JsonEventFrame && read.facts !== undefined) return read.facts
  }
  return undefined
}

/** The frame with texts replaced, and what stands at the paths `cleared`, if anything, made null. */
export function rewriteJsonEvent(
  frame: Frame,
  edits: readonly TextEdit[],
  cleared: readonly JsonPath[],
): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const changes: readonly JsonEdit[] = [
    ...edits.map((edit): JsonEdit => ({ kind: 'set-text', ...edit })),
    ...cleared.map((path): JsonEdit => ({ kind: 'clear', path })),
  ]
  const bytes = editEventData(frame.bytes, data =>
    // The decoder trims the data by the same rule.
    jsonSplices(data, data.length - data.trimStart().length, changes),
  )
  return frame instanceof JsonEventFrame
    ? new JsonEventFrame(bytes, parts, frame.facts)
    : new JsonEventFrame(bytes, parts)
}
