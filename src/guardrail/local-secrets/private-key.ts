import type { TextEnd } from '../open-reading.ts'
import { ALNUM, BASE64_SIGNS, EQUALS, isIn } from './characters.ts'
import type { Match, Matcher } from './match.ts'

const HEADER = /-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/y
const FOOTER = /-----END (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/y
/** Units that a header or a footer has at most. */
const MAX_BOUNDARY = 80
/** A key of 16,384 bits has some 13,000; a longer block ends there. */
const MAX_KEY = 16_384

/** Line ends, also as escapes, and what may stand around a line that is quoted, commented or part of source code. */
const BETWEEN_LINES = /(?:[\s"'`,>|#*;+]|\\[nrt"\\]){1,64}/y
/** `Proc-Type: 4,ENCRYPTED`, `Version: …` */
const FIELD = /[A-Z][A-Za-z-]{2,20}: [^\n\r\\]{0,120}/y
/** Units that a field has at most, and one behind it. */
const MAX_FIELD = 144
const BASE64 = ALNUM | BASE64_SIGNS | EQUALS
/** Lines have 64, 70 or 76; only the last one is shorter. */
const FULL_LINE = 40
const LEAST_FIRST_LINE = 16
/** Nothing else ends a key that is written out. */
const WAKE = /[-.()]/

/** A private key in PEM or PGP armour, up to where it ends or is cut off. A header with no key behind it is none. */
export const matchPrivateKey: Matcher = ({ text, textEnd }, at) => {
  if (text[at - 1] === '-') return undefined
  const open = { kind: 'open', start: at, wake: WAKE } as const
  const headerEnd = endOf(HEADER, text, at)
  if (headerEnd === undefined) {
    const isCut = textEnd === 'open' && text.length - at < MAX_BOUNDARY
    return isCut && /^-----BEGIN [A-Z0-9 ]*-{0,5}$/.test(text.slice(at))
      ? { kind: 'open', start: at }
      : undefined
  }
  const limit = at + MAX_KEY
  const key = keyEnd(text, headerEnd, limit, textEnd)
  if (key === 'open') return text.length < limit + MAX_BOUNDARY ? open : found(at, limit)
  return key === undefined ? undefined : found(at, Math.min(key, limit))
}

function found(start: number, end: number): Match {
  return { kind: 'secret', rule: 'private-key', score: 0.99, start, end, told: 'by-format' }
}

/** Where the key behind a header ends. Undefined when what follows is no key, `open` when more text may move the end. */
function keyEnd(
  text: string,
  headerEnd: number,
  limit: number,
  textEnd: TextEnd,
): number | 'open' | undefined {
  let end: number | undefined
  let isLast = false
  for (let at = headerEnd; at < limit; ) {
    at = endOf(BETWEEN_LINES, text, at) ?? at
    if (textEnd === 'open' && isCutOff(text, at, end === undefined)) return 'open'
    if (text[at] === '-') return end === undefined ? undefined : (endOf(FOOTER, text, at) ?? end)
    const fieldEnd = end === undefined ? endOf(FIELD, text, at) : undefined
    if (fieldEnd !== undefined) {
      at = fieldEnd
      continue
    }
    const lineEnd = base64End(text, at, limit)
    if (end === undefined && lineEnd - at < LEAST_FIRST_LINE) return undefined
    // PGP's checksum stands behind the last line.
    if (lineEnd === at || (isLast && text[at] !== '=')) return end
    isLast = lineEnd - at < FULL_LINE
    end = lineEnd
    at = lineEnd
  }
  return end
}

/** Whether the text ends within what stands at `at`. */
function isCutOff(text: string, at: number, isFirst: boolean): boolean {
  if (text[at] === '-' || text[at] === '\\')
    return text.length - at < MAX_BOUNDARY && !/[\n\r]/.test(text.slice(at))
  const unseen = isFirst ? MAX_FIELD : 1
  return text.length - base64End(text, at, text.length) < unseen && !/[\n\r\\]/.test(text.slice(at))
}

function base64End(text: string, at: number, limit: number): number {
  let end = at
  while (end < limit && isIn(text, end, BASE64)) end++
  return end
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  const match = pattern.exec(text)
  return match === null ? undefined : at + match[0].length
}
