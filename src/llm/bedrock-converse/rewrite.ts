import { WeirError } from '../../errors.ts'
import { readAwsFrame, withPayload } from '../aws-event-stream.ts'
import { rewriteDecoded } from '../decoded-frame.ts'
import type { Frame, TextEdit } from '../format.ts'
import { editJson } from '../json-body.ts'
import { type JsonEdit, replaceByTexts, setTexts } from '../json-edits.ts'
import { ConverseFrame } from './stream.ts'

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, setTexts(edits))
}

/** A frame with texts replaced: its headers stay, its lengths and CRCs follow. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteBytes(frame, edits, (bytes, changes) => {
    const message = readAwsFrame(bytes)
    if (message.kind !== 'message') throw new WeirError('bug', 'an edit of a frame that cannot be read')
    return withPayload(bytes, editJson(message.payload, changes))
  })
}

/** `edit` makes the changes in the frame's bytes. */
export function rewriteBytes(
  frame: Frame,
  edits: readonly TextEdit[],
  edit: (bytes: Uint8Array, changes: readonly JsonEdit[]) => Uint8Array,
): Frame {
  return rewriteDecoded(ConverseFrame, frame, edits, bytes => edit(bytes, replaceByTexts(edits)))
}
