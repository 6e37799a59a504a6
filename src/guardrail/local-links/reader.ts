import type { Located, Reading, TextEnd, TextReader } from '../open-reading.ts'
import { isTopLevel } from './bare.ts'
import { type Flag, judge, type LinkRules, scoreOf } from './judge.ts'
import { imageEnd, markupBefore, openImage } from './markup.ts'
import { MAX_URL, partsOf, urlEnd, WAKE, withoutTrailing } from './scan-url.ts'

/** What is looked for, and in which spellings. */
export interface LinkSearch extends LinkRules {
  readonly bareDomains: 'found' | 'passed-over'
}

/** Alternative text, scheme, and the signs between. */
const CONTEXT_UNITS = 320
const MAX_SCHEME = 12
const WEB = /^(?:https?|ftp|wss?)$/i
const SCRIPT = /(?<![\w./-])(?:java|vb|live)script$/i
const DATA = /(?<![\w./-])data$/i
/** What a browser would run, unlike an image or a font. */
const ACTIVE_DATA =
  /^(?:text\/(?:html|xml|javascript)|image\/svg\+xml|application\/(?:xhtml\+xml|xml|javascript|ecmascript))[;,]/i
const MAX_MEDIA_TYPE = 40
/** A name has 253 at most. */
const MAX_HOST = 254

const SLASH = 0x2f
const COLON = 0x3a
const DOT = 0x2e

/** What was made of an address, or that more text decides. */
type Step =
  | { readonly kind: 'read'; readonly found: readonly Located[]; readonly end: number }
  | { readonly kind: 'open'; readonly start: number; readonly wake?: RegExp }

/** Reads a text once for addresses, from each colon, pair of slashes or dot that may be in one; none is read twice. */
export function linkReader(search: LinkSearch): TextReader {
  return {
    contextUnits: CONTEXT_UNITS,
    read(text, from, textEnd): Reading {
      const found: Located[] = []
      let done = 0
      for (let at = from; at < text.length; at++) {
        const step = stepAt(search, text, at, Math.max(done, 0), textEnd)
        if (step === undefined) continue
        if (step.kind === 'open') {
          const openFrom = Math.max(done, Math.min(step.start, openTail(text, search)))
          const reading = { found, openFrom, resumeAt: Math.max(from, done, at) }
          return step.wake === undefined ? reading : { ...reading, wake: step.wake }
        }
        found.push(...step.found)
        done = Math.max(done, step.end)
        at = Math.max(at, step.end - 1)
      }
      const openFrom = textEnd === 'open' ? Math.max(done, openTail(text, search)) : text.length
      return { found, openFrom, resumeAt: Math.max(from, done, text.length) }
    },
  }
}

function stepAt(
  search: LinkSearch,
  text: string,
  at: number,
  floor: number,
  textEnd: TextEnd,
): Step | undefined {
  switch (text.charCodeAt(at)) {
    case COLON:
      return atColon(search, text, at, textEnd)
    case SLASH:
      return text.charCodeAt(at - 1) === SLASH ? atSlashes(search, text, at, textEnd) : undefined
    case DOT:
      return search.bareDomains === 'found' ? atDot(search, text, at, floor, textEnd) : undefined
    default:
      return undefined
  }
}

/** `javascript:…` and `data:…`, whatever is behind them. */
function atColon({ flags }: LinkSearch, text: string, at: number, textEnd: TextEnd): Step | undefined {
  if (!/[at]/i.test(text.charAt(at - 1))) return undefined
  const before = text.slice(Math.max(0, at - MAX_SCHEME), at)
  const flag: Flag | undefined = SCRIPT.test(before) ? 'javascript' : DATA.test(before) ? 'data' : undefined
  if (flag === undefined || !flags.has(flag)) return undefined
  const start = at - (/[a-z]{1,12}$/i.exec(before)?.[0].length ?? 0)
  if (textEnd === 'open' && text.length - at <= MAX_MEDIA_TYPE) return { kind: 'open', start }
  const behind = text.slice(at + 1, at + 1 + MAX_MEDIA_TYPE)
  // Prose goes on behind a blank.
  if (flag === 'data' ? !ACTIVE_DATA.test(behind) : !/^[\w$(!/[%~+'"-]/.test(behind)) return undefined
  const end = urlEnd(text, start, at + 1)
  if (textEnd === 'open' && end === text.length && end - start < MAX_URL)
    return { kind: 'open', start, wake: WAKE }
  const place = { from: start, start, end: Math.max(at + 1, end) }
  return {
    kind: 'read',
    found: [{ detector: `link/${flag}`, score: scoreOf(flag), ...place }],
    end: place.end,
  }
}

const BEFORE_SLASHES = new Set(': \t(<="\'')

/** `https://…`, and `//…` where markup begins. `at` is the second slash. */
function atSlashes(search: LinkSearch, text: string, at: number, textEnd: TextEnd): Step | undefined {
  if (!BEFORE_SLASHES.has(text.charAt(at - 2))) return undefined
  const before = text.slice(Math.max(0, at - 1 - MAX_SCHEME), at - 1)
  const scheme = /([a-z]{1,12}):$/i.exec(before)?.[1]
  const isWeb = scheme !== undefined && WEB.test(schemeEnd(scheme))
  if (!isWeb && !/(?:\]\([ \t]{0,4}<?|\]:[ \t]{0,4}<?|=["']?|url\(["']?)$/i.test(before)) return undefined
  const start = isWeb ? at - 2 - schemeEnd(scheme).length : at - 1
  return readAddress(search, text, start, at + 1, textEnd)
}

/** Text without blanks may stand right before a scheme. */
function schemeEnd(letters: string): string {
  return /(?:https?|ftp|wss?)$/i.exec(letters)?.[0] ?? letters
}

function readAddress(
  search: LinkSearch,
  text: string,
  start: number,
  hostStart: number,
  textEnd: TextEnd,
): Step {
  const markup = markupBefore(text, start)
  const runEnd = urlEnd(text, start, hostStart)
  if (textEnd === 'open' && runEnd === text.length && runEnd - start < MAX_URL)
    return { kind: 'open', start: markup.start, wake: WAKE }
  const end = withoutTrailing(text, hostStart, runEnd)
  const flags = judge(partsOf(text.slice(hostStart, end)), markup, search)
  if (flags.length === 0) return { kind: 'read', found: [], end: runEnd }
  const imageEndsAt = flags.includes('image') && markup.start < start ? imageEnd(text, runEnd, textEnd) : end
  if (imageEndsAt === 'open') return { kind: 'open', start: markup.start }
  const found = flags.map(flag => ({
    detector: `link/${flag}`,
    score: scoreOf(flag),
    from: markup.start,
    start: flag === 'image' ? markup.start : start,
    end: flag === 'image' ? imageEndsAt : end,
  }))
  return { kind: 'read', found, end: runEnd }
}

const HOST_UNIT = /(?![\uff00-\uffef])[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{M}\p{Nd}_-]/u

/** A domain without a scheme, from the first of its dots on. */
function atDot(
  search: LinkSearch,
  text: string,
  at: number,
  floor: number,
  textEnd: TextEnd,
): Step | undefined {
  const lowest = Math.max(floor, at - MAX_HOST)
  let start = at
  while (start > lowest && HOST_UNIT.test(text.charAt(start - 1))) start--
  // An e-mail address, a path or a longer name that was looked at before.
  if (start === at || /[@/.\\$]/.test(text.charAt(start - 1))) return undefined
  let hostEnd = at
  const limit = Math.min(text.length, start + MAX_HOST)
  while (hostEnd < limit && (text[hostEnd] === '.' || HOST_UNIT.test(text.charAt(hostEnd)))) hostEnd++
  if (textEnd === 'open' && hostEnd === text.length && hostEnd < start + MAX_HOST)
    return { kind: 'open', start, wake: WAKE }
  const host = text.slice(start, withoutTrailing(text, start, hostEnd))
  if (text[hostEnd] === '@' || !(isTopLevel(host) || /^www\.[^.]/i.test(host)))
    return { kind: 'read', found: [], end: at + 1 }
  return readAddress(search, text, start, start, textEnd)
}

const MAX_BEGINNING = 24

/** Where an address may begin of which no colon, slash or dot is there yet, or the markup around one. */
function openTail(text: string, { bareDomains }: LinkSearch): number {
  const isBare = bareDomains === 'found'
  const lowest = Math.max(0, text.length - (isBare ? MAX_HOST : MAX_BEGINNING))
  let start = text.length
  while (start > lowest && isBeginning(text.charAt(start - 1), isBare)) start--
  return Math.min(start, openImage(text))
}

function isBeginning(character: string, isBare: boolean): boolean {
  return /[\w:/.@-]/.test(character) || (isBare && HOST_UNIT.test(character))
}
