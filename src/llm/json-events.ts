import { type FrameClass, rewriteDecoded, type Told, toFrame } from './decoded-frame.ts'
import { type EventFrame, editEventData, openEventStream } from './event-stream.ts'
import { type Frame, NO_PARTS, type Part, type StreamDecoder, type TextEdit } from './format.ts'
import { FrameReader } from './frame-reader.ts'
import { isJsonObject, type JsonObject, parseJson } from './json-body.ts'
import { type JsonEdit, jsonSplices } from './json-edits.ts'

/** Reads one event of a stream. `name`: the value of its `event` field. */
export type EventReader<Facts> = (event: JsonObject, name: string | undefined) => Told<Facts>

export interface JsonEventOptions {
  /** There may be text-repeat parts. */
  readonly repeats?: true
  /** What `[DONE]` is: the end of the stream; nothing, where clients read on; no JSON, where they fail on it. */
  readonly done?: 'end' | 'nothing' | 'not-json'
}

/** What an event says in which there is nothing of an answer, such as a sign of life. */
export const SAYS_NOTHING: { readonly parts: readonly Part[] } = { parts: Object.freeze([]) }

/** An event that has nothing of what the API says: an error of the upstream, which clients raise, or nobody knows. */
export function errorOrWrong(event: JsonObject): typeof SAYS_NOTHING | 'wrong-shape' {
  return isJsonObject(event.error) ? SAYS_NOTHING : 'wrong-shape'
}

const DONE = {
  end: { parts: Object.freeze<Part[]>([{ kind: 'terminator' }]) },
  nothing: SAYS_NOTHING,
  'not-json': 'not-json',
} as const

/** A stream of server-sent events whose data are JSON objects; white space around those is no part of them. */
export function openJsonEvents<Facts>(
  kind: FrameClass<Facts>,
  read: EventReader<Facts>,
  { repeats, done = 'end' }: JsonEventOptions = {},
): StreamDecoder {
  const doneTold = DONE[done]
  const readFrame = (frame: EventFrame): Frame => {
    const { bytes } = frame
    if (frame.kind === 'undecodable') return toFrame(kind, bytes, frame.reason)
    const data = frame.data?.trim()
    if (data === undefined || data === '') return new kind(bytes, NO_PARTS)
    if (data === '[DONE]') return toFrame(kind, bytes, doneTold)
    const json = parseJson(data)
    if (json.kind !== 'ok') return toFrame(kind, bytes, json.reason)
    return toFrame(kind, bytes, isJsonObject(json.value) ? read(json.value, frame.event) : 'wrong-shape')
  }
  return new FrameReader(openEventStream(), readFrame, repeats)
}

/** An event's frame with texts replaced, as `LlmFormat.rewriteFrame` has it: `changes` do that in its JSON. */
export function rewriteEvent<Facts>(
  kind: FrameClass<Facts>,
  frame: Frame,
  edits: readonly TextEdit[],
  changes: () => readonly JsonEdit[],
): Frame {
  return rewriteDecoded(kind, frame, edits, bytes => editEvent(bytes, changes()))
}

/** The bytes of an event's frame with its JSON edited and every other byte as it was. */
export function editEvent(bytes: Uint8Array, changes: readonly JsonEdit[]): Uint8Array {
  return editEventData(bytes, data =>
    // Reading trims the data by the same rule.
    jsonSplices(data, data.length - data.trimStart().length, changes),
  )
}
