import type { Frame, JsonPath, TextEdit } from '../format.ts'
import { decodeJsonBody, editJson, isJsonObject, type JsonObject } from '../json-body.ts'
import { type JsonEdit, setTexts } from '../json-edits.ts'
import { rewriteEvent } from '../json-events.ts'
import { editMultipart, isMultipart } from '../multipart.ts'
import { ChunkFrame } from '../openai-chunk.ts'
import { type Said, textsOf } from './response.ts'

/**
 * A body with texts replaced: a form, a transcript that is nothing but text, or JSON. There the same words stand up to
 * three times, cut in different ways, so that what is found in one place may have no finding in another: `words` that
 * are left lose their text, and so do `segments` that then do not say what `text` says.
 */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  const whole = edits.find(edit => edit.path.length === 0)
  if (whole !== undefined) return new TextEncoder().encode(whole.text)
  if (edits.length === 0) return body
  if (isMultipart(body)) return editMultipart(body, edits)
  const json = decodeJsonBody(body)
  const root = json.kind === 'ok' && isJsonObject(json.value) ? json.value : {}
  return editJson(body, [...editsOf(root, edits), ...clearedIn(root)])
}

function editsOf(root: JsonObject, edits: readonly TextEdit[]): readonly JsonEdit[] {
  const texts = new Map(edits.map(edit => [JSON.stringify(edit.path), edit]))
  const set = (path: JsonPath, text: string): void => void texts.set(JSON.stringify(path), { path, text })
  const after = ({ path, text }: Said): string => texts.get(JSON.stringify(path))?.text ?? text

  for (const { path } of textsOf(root, 'words', 'word')) set(path, '')
  const segments = textsOf(root, 'segments', 'text')
  if (typeof root.text === 'string' && segments.length > 0) {
    const text = after({ path: ['text'], text: root.text })
    const said = segments.map(after)
    if (text !== root.text) {
      if (!saysTheSame(said, text)) for (const { path } of segments) set(path, '')
    } else if (said.some((one, index) => one !== segments[index]?.text)) {
      set(['text'], said.map(one => one.trim()).join(' '))
    }
  }
  return setTexts([...texts.values()])
}

/** Segments begin with a space or do not, as the server likes. */
function saysTheSame(segments: readonly string[], text: string): boolean {
  return segments.join('').replace(/\s+/g, '') === text.replace(/\s+/g, '')
}

/** What spells a text out token by token. */
function clearedIn(root: JsonObject): readonly JsonEdit[] {
  const segments = textsOf(root, 'segments', 'text').map(({ path }) => [...path.slice(0, -1), 'tokens'])
  return [['logprobs'], ...segments].map(path => ({ kind: 'clear', path }))
}

/** A frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteEvent(ChunkFrame, frame, edits, () => [
    ...setTexts(edits),
    { kind: 'clear', path: ['logprobs'] },
  ])
}
