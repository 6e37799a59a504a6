import { type Decoded, type JsonPath, WRONG_SHAPE } from './format.ts'
import { applySplices, closingQuote, type JsonEdit, jsonSplices } from './json-edits.ts'
import { scanJson } from './json-scan.ts'

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

/** The APIs and their SDKs write an absent field as null as often as they leave it out. */
export function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A whole body as one JSON value, read strictly: RFC 8259 in UTF-8 (a leading byte order mark is tolerated), so
 * that no other reader sees a text in it that this one does not. At most MAX_JSON_DEPTH deep; deeper is `wrong-shape`.
 */
export function decodeJsonBody(body: Uint8Array): Decoded<unknown> {
  // A value of depth n has at least 2n brackets.
  const isDeep = body.length > 2 * MAX_JSON_DEPTH && scanJson(body).depth > MAX_JSON_DEPTH
  return isDeep ? decodeDeepJson(body) : decodeFlatJson(body)
}

/** The same, of an API whose bodies are objects. */
export function decodeJsonObject(body: Uint8Array): Decoded<JsonObject> {
  return asObject(decodeJsonBody(body))
}

/** Anything else than an object is `wrong-shape`. */
export function asObject(json: Decoded<unknown>): Decoded<JsonObject> {
  if (json.kind !== 'ok') return json
  return isJsonObject(json.value) ? { kind: 'ok', value: json.value } : WRONG_SHAPE
}

/** What it is beside too deep is said first, as of any other body. */
function decodeDeepJson(body: Uint8Array): Decoded<unknown> {
  return decodeUtf8(body) === undefined ? NOT_UTF8 : WRONG_SHAPE
}

/** The same, of a body that is known to be no deeper than MAX_JSON_DEPTH. */
export function decodeFlatJson(body: Uint8Array): Decoded<unknown> {
  const text = decodeUtf8(body)
  return text === undefined ? NOT_UTF8 : parseFlat(text.startsWith(BOM) ? text.slice(BOM.length) : text)
}

const NOT_UTF8 = { kind: 'undecodable', reason: 'not-utf8' } as const

function decodeUtf8(body: Uint8Array): string | undefined {
  try {
    return utf8.decode(body)
  } catch {
    return undefined
  }
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
  if (text.length > 2 * MAX_JSON_DEPTH && isTooDeep(text)) return WRONG_SHAPE
  return parseFlat(text)
}

function parseFlat(text: string): Decoded<unknown> {
  try {
    return { kind: 'ok', value: JSON.parse(text) }
  } catch {
    return { kind: 'undecodable', reason: 'not-json' }
  }
}

const QUOTE = 0x22
/** Bit 5 is all that tells `{` from `[` and `}` from `]`. */
const CURLY_BIT = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d

/** Looks at the text before it is parsed: linear, and strings, most of a body, are skipped by search. */
function isTooDeep(text: string): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) i = closingQuote(text, i)
    else if ((code | CURLY_BIT) === CLOSING) depth--
    else if ((code | CURLY_BIT) === OPENING && ++depth > MAX_JSON_DEPTH) return true
  }
  return false
}

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
