import { type Node, parseTree } from 'jsonc-parser'
import { WeirError } from '../errors.ts'
import type { Decoded, JsonPath } from './format.ts'

/**
 * JSON nested deeper than this is refused: no LLM API comes near it, and what later walks a value may recurse
 * without counting.
 */
export const MAX_JSON_DEPTH = 200

/** A JSON object with unknown members. Reads of names that `Object.prototype` has must not be trusted. */
export type JsonObject = { readonly [key: string]: unknown }

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A whole body as one JSON value, read strictly: RFC 8259 in UTF-8 (a leading byte order mark is tolerated), so
 * that no other reader sees a text in it that this one does not.
 */
export function decodeJsonBody(body: Uint8Array): Decoded<unknown> {
  let text: string
  try {
    text = utf8.decode(body)
  } catch {
    return { kind: 'undecodable', reason: 'not-utf8' }
  }
  return parseJson(text.startsWith(BOM) ? text.slice(BOM.length) : text)
}

const BOM = '\uFEFF'

/** The body's JSON value written anew, without what readers may differ in; undefined where it is no JSON. */
export function canonicalJson(body: Uint8Array): Uint8Array | undefined {
  const json = decodeJsonBody(body)
  return json.kind === 'ok' ? new TextEncoder().encode(JSON.stringify(json.value)) : undefined
}

/** One JSON value, at most MAX_JSON_DEPTH deep; deeper is `wrong-shape`. */
export function parseJson(text: string): Decoded<unknown> {
  // A value of depth n has at least 2n brackets, so that short texts, such as stream events, need no look.
  if (text.length > 2 * MAX_JSON_DEPTH && isTooDeep(text))
    return { kind: 'undecodable', reason: 'wrong-shape' }
  try {
    return { kind: 'ok', value: JSON.parse(text) }
  } catch {
    return { kind: 'undecodable', reason: 'not-json' }
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** Bit 5 is all that tells `{` from `[` and `}` from `]`. */
const CURLY_BIT = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d

/** Looks at the text before it is parsed: linear, and strings, most of a body, are skipped by search. */
function isTooDeep(text: string): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) i = stringEnd(text, i)
    else if ((code | CURLY_BIT) === CLOSING) depth--
    else if ((code | CURLY_BIT) === OPENING && ++depth > MAX_JSON_DEPTH) return true
  }
  return false
}

/** The index of the quote that closes the string opened at `open`; the text's length when none does. */
function stringEnd(text: string, open: number): number {
  let quote = text.indexOf('"', open + 1)
  while (quote !== -1) {
    let before = quote - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    if ((quote - before) % 2 === 1) return quote
    quote = text.indexOf('"', quote + 1)
  }
  return text.length
}

/** A change to one place of a JSON body. */
export type JsonEdit =
  /** The string at `path` gets this value. That there is one is the caller's promise: it was read there. */
  | { readonly kind: 'set-text'; readonly path: JsonPath; readonly text: string }
  /** The value at `path`, whatever it is, becomes this string. That there is one is the caller's promise. */
  | { readonly kind: 'replace'; readonly path: JsonPath; readonly text: string }
  /** The value at `path`, if any, becomes null. */
  | { readonly kind: 'clear'; readonly path: JsonPath }

/**
 * The body with the edits made and every other byte as it was: nothing is re-serialised. `body` must have passed
 * `decodeJsonBody`, and no edit may lie inside another. An edit of a text that finds none throws: a redaction that
 * silently did not happen would let the text out.
 */
export function editJson(body: Uint8Array, edits: readonly JsonEdit[]): Uint8Array {
  if (edits.length === 0) return body
  const text = utf8.decode(body)
  const start = text.startsWith(BOM) ? BOM.length : 0
  return new TextEncoder().encode(applySplices(text, jsonSplices(text, start, edits)))
}

/** Puts `replacement` where `length` UTF-16 units from `offset` on stand in a text. */
export interface Splice {
  readonly offset: number
  readonly length: number
  readonly replacement: string
}

/** What `edits` change in `text`, whose JSON value starts at `start`: in order, and only whole JSON values. */
export function jsonSplices(text: string, start: number, edits: readonly JsonEdit[]): readonly Splice[] {
  const root = parseTree(text.slice(start), [], { disallowComments: true })
  return edits
    .flatMap(edit => toSplice(root, edit))
    .map(splice => ({ ...splice, offset: start + splice.offset }))
    .sort((a, b) => a.offset - b.offset || a.length - b.length)
}

/** `splices` must be in order; any two that overlap are a bug. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const pieces: string[] = []
  let position = 0
  for (const { offset, length, replacement } of splices) {
    if (offset < position) throw new WeirError('bug', 'two edits of a JSON body overlap')
    pieces.push(text.slice(position, offset), replacement)
    position = offset + length
  }
  pieces.push(text.slice(position))
  return pieces.join('')
}

function toSplice(root: Node | undefined, edit: JsonEdit): Splice[] {
  const node = root === undefined ? undefined : nodeAt(root, edit.path)
  if (edit.kind === 'clear') {
    return node === undefined ? [] : [{ offset: node.offset, length: node.length, replacement: 'null' }]
  }
  if (node === undefined || (edit.kind === 'set-text' && node.type !== 'string')) {
    throw new WeirError('bug', 'an edit of a JSON body names no text')
  }
  return [{ offset: node.offset, length: node.length, replacement: JSON.stringify(edit.text) }]
}

/** Of a key that stands twice the last one counts, as it does for JSON.parse, which read the text to be edited. */
function nodeAt(root: Node, path: JsonPath): Node | undefined {
  let node: Node | undefined = root
  for (const step of path) {
    if (typeof step === 'number') node = node?.type === 'array' ? node.children?.[step] : undefined
    else if (node?.type !== 'object') return undefined
    else node = node.children?.findLast(property => property.children?.[0]?.value === step)?.children?.[1]
  }
  return node
}

/** A string inside a JSON value and the path to it. */
export interface JsonText {
  readonly path: JsonPath
  readonly text: string
}

/** Every string value inside `value`, which must come from `parseJson` (that bounds the recursion); no keys. */
export function textsInside(value: unknown, path: JsonPath): readonly JsonText[] {
  if (typeof value === 'string') return [{ path, text: value }]
  if (Array.isArray(value))
    return value.flatMap((item: unknown, index) => textsInside(item, [...path, index]))
  if (!isJsonObject(value)) return []
  return Object.entries(value).flatMap(([key, item]) => textsInside(item, [...path, key]))
}
