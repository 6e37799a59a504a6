import { type MultipartPart, parseMultipart } from '@remix-run/multipart-parser'
import { WeirError } from '../errors.ts'
import { type Decoded, type JsonPath, type TextEdit, WRONG_SHAPE } from './format.ts'
import type { RequestTexts } from './request-texts.ts'

/** More than any of these APIs takes; a body with more is refused as one of a wrong shape. */
const MAX_PARTS = 256
/** Of one part, all its headers together; a body with more is refused as one of a wrong shape. */
const MAX_HEADER_BYTES = 8192

/** One part of a `multipart/form-data` body. */
export interface FormField {
  readonly name: string
  readonly kind: 'text' | 'file'
  /** The content, in the body's memory. */
  readonly bytes: Uint8Array
  /** `[name]`, or `[name, i]` for one that had `i` of the same name before it. */
  readonly path: JsonPath
}

/** Whether a body is no JSON but a form: this tells them apart for certain, whatever its content type says. */
export function isMultipart(body: Uint8Array): boolean {
  return body[0] === DASH && body[1] === DASH
}

const DASH = 0x2d
const latin1 = new TextDecoder('latin1')
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const NOT_UTF8 = { kind: 'undecodable', reason: 'not-utf8' } as const

/**
 * The fields of a `multipart/form-data` body. Its boundary is the one of its first line (RFC 2046, section 5.1.1):
 * the content type is not known here. Whatever another reader might cut or name in another way is refused as
 * `wrong-shape`, so that nobody sees a field that this one does not: preambles, epilogues, padded or bare line ends,
 * folded, doubled or escaped headers, transfer encodings, and contents that look like parts of another boundary.
 */
export function readMultipart(body: Uint8Array): Decoded<readonly FormField[]> {
  const boundary = boundaryOf(body)
  if (boundary === undefined) return WRONG_SHAPE
  let parts: readonly MultipartPart[]
  try {
    parts = [
      ...parseMultipart(body, {
        boundary,
        maxParts: MAX_PARTS,
        maxHeaderSize: MAX_HEADER_BYTES,
        maxFileSize: body.length,
        maxTotalSize: body.length,
      }),
    ]
  } catch {
    return WRONG_SHAPE
  }
  return isStrict(body, boundary, parts) ? readFields(parts) : WRONG_SHAPE
}

/** One to seventy characters of RFC 2046, the last of which is no space. */
const FIRST_LINE = /^--([\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?])\r\n/
const LONGEST_FIRST_LINE = 74

function boundaryOf(body: Uint8Array): string | undefined {
  return FIRST_LINE.exec(latin1.decode(body.subarray(0, LONGEST_FIRST_LINE)))?.[1]
}

/** What stands between two delimiters' first line ends and the content: headers, each on a line of its own. */
const HEADERS = /^\r\n(?:[\w!#$%&'*+.^`|~-]+:[^\r\n]*\r\n)+\r\n$/
const CLOSE = /^--(?:\r\n)?$/
const DISPOSITION_LINES = /(?:^|[\r\n])[ \t]*content-disposition[ \t]*:/gi

function isStrict(body: Uint8Array, boundary: string, parts: readonly MultipartPart[]): boolean {
  const delimiter = `\r\n--${boundary}`
  let between = '\r\n'
  let end = 0
  for (const content of parts.flatMap(part => part.content)) {
    const start = content.byteOffset - body.byteOffset
    between += latin1.decode(body.subarray(end, start))
    if (!isBetween(between, delimiter)) return false
    // Some take a delimiter that comes right behind the headers for one, the parser does not.
    if (latin1.decode(content.subarray(0, LONGEST_FIRST_LINE)).startsWith(delimiter.slice(2))) return false
    end = start + content.length
    between = ''
  }
  const last = between + latin1.decode(body.subarray(end))
  const close = last.lastIndexOf(delimiter)
  if (close === -1 || !CLOSE.test(last.slice(close + delimiter.length))) return false
  if (close > 0 && !isBetween(last.slice(0, close), delimiter)) return false
  // Each part has one. A line like it inside a content may be the part of a reader with another boundary.
  return latin1.decode(body).match(DISPOSITION_LINES)?.length === parts.length
}

/** Delimiters with their headers, of which all but the last belong to parts without content. */
function isBetween(text: string, delimiter: string): boolean {
  const [before, ...blocks] = text.split(delimiter)
  return before === '' && blocks.length > 0 && blocks.every(block => HEADERS.test(block))
}

function readFields(parts: readonly MultipartPart[]): Decoded<readonly FormField[]> {
  const seen = new Map<string, number>()
  const fields: FormField[] = []
  for (const part of parts) {
    const headers = headersOf(part)
    if (headers === undefined) return NOT_UTF8
    const parameters = dispositionParameters(headers['content-disposition'])
    const name = parameters?.get('name')
    if (parameters === undefined || name === undefined || !isPlainEncoding(headers)) return WRONG_SHAPE
    const isFile = parameters.has('filename') || parameters.has('filename*')
    const before = seen.get(name) ?? 0
    seen.set(name, before + 1)
    const bytes = part.content[0] ?? NO_BYTES
    const path = before === 0 ? [name] : [name, before]
    fields.push({ name, kind: isFile ? 'file' : 'text', bytes, path })
  }
  return { kind: 'ok', value: fields }
}

const NO_BYTES = new Uint8Array(0)

function headersOf(part: MultipartPart): MultipartPart['headers'] | undefined {
  try {
    return part.headers
  } catch {
    return undefined
  }
}

const PARAMETER = /\s*;\s*([\w*-]+)=(?:"([^"\\]*)"|([^\s";\\]+))/y

/** Undefined where readers may differ: in another type than form data, with a parameter twice, with escapes. */
function dispositionParameters(value: string | undefined): ReadonlyMap<string, string> | undefined {
  const type = /^form-data(?=\s*(?:;|$))/i.exec(value ?? '')
  if (value === undefined || type === null) return undefined
  const parameters = new Map<string, string>()
  PARAMETER.lastIndex = type[0].length
  while (PARAMETER.lastIndex < value.length) {
    const found = PARAMETER.exec(value)
    const key = found?.[1]?.toLowerCase()
    if (found === null || key === undefined || parameters.has(key)) return undefined
    parameters.set(key, found[2] ?? found[3] ?? '')
  }
  return parameters.has('name*') ? undefined : parameters
}

const PLAIN = /^(?:7bit|8bit|binary)$/i
const OTHER_CHARSET = /;\s*charset\s*=(?!\s*"?(?:utf-?8|us-ascii|ascii)"?\s*(?:;|$))/i

function isPlainEncoding(headers: MultipartPart['headers']): boolean {
  const encoding = headers['content-transfer-encoding'] ?? 'binary'
  return PLAIN.test(encoding) && !OTHER_CHARSET.test(headers['content-type'] ?? '')
}

/** What a format knows of its form, by field names without brackets at their end (`image[]`). */
export interface FormShape {
  /** Numbers, words out of a fixed set, names of models: nothing that somebody wrote. */
  readonly settings: ReadonlySet<string>
  /** Pictures, sound. */
  readonly files: ReadonlySet<string>
}

/** `image[]`, `image[0]` and `image` are one field. */
function withoutIndex(name: string): string {
  const open = name.indexOf('[')
  return open >= 0 && name.endsWith(']') ? name.slice(0, open) : name
}

/**
 * Texts and files of a form. A field that is not known is read, and so is a file that should not be one; where text
 * is no UTF-8 the form is undecodable.
 */
export function gatherForm(
  into: RequestTexts,
  fields: readonly FormField[],
  shape: FormShape,
): 'done' | 'not-utf8' {
  for (const [index, { name, kind, bytes, path }] of fields.entries()) {
    const base = withoutIndex(name)
    const isKnownFile = shape.files.has(base)
    if (kind === 'file' || isKnownFile) into.uninspectable++
    if (isKnownFile || (kind === 'text' && shape.settings.has(base))) continue
    const text = decodeText(bytes)
    if (text !== undefined) into.add(index, path, text)
    else if (kind === 'text') return 'not-utf8'
  }
  return 'done'
}

/** Undefined when it is no UTF-8. */
function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** The value of a field that stands once; undefined when there is none, or it is no text. */
export function soleField(fields: readonly FormField[], name: string): string | undefined | 'wrong-shape' {
  const [first, second] = fields.filter(field => field.name === name)
  if (second !== undefined) return 'wrong-shape'
  return first === undefined ? undefined : decodeText(first.bytes)
}

/** A form's `stream`: clients of several languages write a boolean in their own way. */
export function readFormStream(fields: readonly FormField[]): boolean | undefined | 'wrong-shape' {
  const value = soleField(fields, 'stream')?.toLowerCase()
  if (value === undefined) return undefined
  if (value === 'true') return true
  return value === 'false' || value === '' ? false : 'wrong-shape'
}

/** The body with the contents of the fields named by `edits` replaced and every other byte as it was. */
export function editMultipart(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  const form = readMultipart(body)
  const boundary = boundaryOf(body)
  if (form.kind !== 'ok' || boundary === undefined)
    throw new WeirError('bug', 'an edit of a body that is no form')
  const splices = edits.map(({ path, text }) => {
    const field = form.value.find(({ path: own }) => JSON.stringify(own) === JSON.stringify(path))
    if (field === undefined || field.bytes.length === 0)
      throw new WeirError('bug', 'an edit of a form names no text')
    if (`\r\n${text}\r\n`.includes(`\r\n--${boundary}`)) {
      throw new WeirError('bug', 'an edit of a form would end its field')
    }
    return { offset: field.bytes.byteOffset - body.byteOffset, length: field.bytes.length, text }
  })
  return spliceBytes(
    body,
    splices.sort((a, b) => a.offset - b.offset),
  )
}

function spliceBytes(
  body: Uint8Array,
  splices: readonly { readonly offset: number; readonly length: number; readonly text: string }[],
): Uint8Array {
  const pieces: Uint8Array[] = []
  let position = 0
  for (const { offset, length, text } of splices) {
    if (offset < position) throw new WeirError('bug', 'two edits of a form overlap')
    pieces.push(body.subarray(position, offset), new TextEncoder().encode(text))
    position = offset + length
  }
  pieces.push(body.subarray(position))
  const joined = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let end = 0
  for (const piece of pieces) {
    joined.set(piece, end)
    end += piece.length
  }
  return joined
}
