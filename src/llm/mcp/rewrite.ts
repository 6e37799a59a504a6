import { WeirError } from '../../errors.ts'
import { editEventData } from '../event-stream.ts'
import type { Frame, JsonPath, Part, TextEdit } from '../format.ts'
import { editJson, type JsonEdit, jsonSplices } from '../json-body.ts'
import { McpFrame } from './stream.ts'

/** A request or response body with texts replaced. What stands in two places is two texts, each with its own edit. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  return editJson(body, edits.map(toJsonEdit))
}

/** A message's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const bytes = editEventData(frame.bytes, data => jsonSplices(data, 0, edits.map(toJsonEdit)))
  return frame instanceof McpFrame ? new McpFrame(bytes, parts, frame.answered) : { bytes, parts }
}

function toJsonEdit(edit: TextEdit): JsonEdit {
  return { kind: 'set-text', ...edit }
}

function withTexts(parts: readonly Part[], edits: readonly TextEdit[]): readonly Part[] {
  const texts = new Map(edits.map(({ path, text }) => [keyOf(path), text]))
  let used = 0
  const edited = parts.map(part => {
    const text = part.kind === 'text-delta' ? texts.get(keyOf(part.path)) : undefined
    if (text === undefined) return part
    used++
    return { ...part, text }
  })
  if (used !== edits.length) throw new WeirError('bug', 'an edit names no text of its frame, or one twice')
  return edited
}

function keyOf(path: JsonPath): string {
  return JSON.stringify(path)
}
