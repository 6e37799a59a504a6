import { withTexts } from './edited-parts.ts'
import type { Frame, Part, StreamDecoder, TextEdit, Undecodable } from './format.ts'

/**
 * A frame that remembers what its event told beside text: what a refusal that goes on with the stream must repeat, close
 * or keep to. So releasing it parses nothing again. A format whose frames tell such facts has a class of its own, by
 * which it knows them again.
 */
export class DecodedFrame<Facts> implements Frame {
  readonly bytes: Uint8Array
  readonly parts: readonly Part[]
  /** Undefined where the frame tells none: comments, terminators, errors, what cannot be read. */
  readonly facts: Facts | undefined

  constructor(bytes: Uint8Array, parts: readonly Part[], facts?: Facts) {
    this.bytes = bytes
    this.parts = parts
    this.facts = facts
  }
}

/** The class of a format's frames. */
export type FrameClass<Facts> = new (
  bytes: Uint8Array,
  parts: readonly Part[],
  facts?: Facts,
) => DecodedFrame<Facts>

/** What one event says; or why nobody can tell. */
export type Told<Facts> =
  | { readonly parts: readonly Part[]; readonly facts?: Facts | undefined }
  | Undecodable

/** The frame of these bytes, as it was read. */
export function toFrame<Facts>(
  kind: FrameClass<Facts>,
  bytes: Uint8Array,
  told: Told<Facts>,
): DecodedFrame<Facts> {
  return typeof told === 'string'
    ? new kind(bytes, [{ kind: 'undecodable', reason: told }])
    : new kind(bytes, told.parts, told.facts)
}

/** The facts of a frame. One that was made anew after decoding is of no such class: its bytes are read again. */
export function factsOf<Facts>(
  kind: FrameClass<Facts>,
  frame: Frame,
  openStream: () => StreamDecoder,
): Facts | undefined {
  if (frame instanceof kind) return frame.facts
  const stream = openStream()
  for (const read of [...stream.push(frame.bytes), ...stream.end()]) {
    if (read instanceof kind && read.facts !== undefined) return read.facts
  }
  return undefined
}

/** The frame with texts replaced, as `LlmFormat.rewriteFrame` has it. `editBytes` replaces them in its bytes. */
export function rewriteDecoded<Facts>(
  kind: FrameClass<Facts>,
  frame: Frame,
  edits: readonly TextEdit[],
  editBytes: (bytes: Uint8Array) => Uint8Array,
): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const bytes = editBytes(frame.bytes)
  return frame instanceof kind ? new kind(bytes, parts, frame.facts) : { bytes, parts }
}
