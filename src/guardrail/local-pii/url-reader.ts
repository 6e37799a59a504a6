import type { Candidate, Reader } from './candidate.ts'
import type { EntitySettings } from './entity.ts'
import { candidateOf } from './entity.ts'
import { isAlphanumeric, isLetter, NOTHING, oneOf, TextView } from './text-view.ts'

const MAX_SCHEME = 16
const MAX_USER_INFO = 160
const MAX_HOST = 255
const MAX_PATH = 256
const CUT_SCHEME = /(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,15}:?\/?$/

/** What stands for a password where one is to be filled in. */
const PLACEHOLDER = /^(?:[$<{[%*].*|x+|\*+|\.+|password|pass|pwd|secret|token)$/i
/** What ends a sentence, not a URL. */
const isTrailing = oneOf(".,;:!?)]}'*_")

/** URLs with a user and a password in them, from each `://` outwards; bounded parts are read around one. */
export function urlReader(settings: EntitySettings): Reader {
  return (text, from, textEnd) => {
    const view = new TextView(text, textEnd)
    const found: Candidate[] = []
    for (let at = text.indexOf('://', from); at !== -1; at = text.indexOf('://', at + 3)) {
      const start = schemeStart(text, at)
      if (start === at) continue
      view.begin()
      const candidate = readUrl(view, settings, start, at + 3)
      if (view.undecided) return { found, openFrom: start, resumeAt: Math.max(from, at) }
      if (candidate !== undefined) found.push(candidate)
    }
    if (textEnd === 'closed') return { found, openFrom: text.length, resumeAt: text.length }
    const tail = text.slice(-MAX_SCHEME - 3)
    const openFrom = text.length - (CUT_SCHEME.exec(tail)?.[0].length ?? 0)
    return { found, openFrom, resumeAt: Math.max(from, text.length - 2) }
  }
}

function schemeStart(text: string, at: number): number {
  let start = at
  while (start > at - MAX_SCHEME && isSchemeUnit(text.charCodeAt(start - 1))) start--
  // What is cut off on its left, or begins with something else than a letter, has no scheme before it.
  return isSchemeUnit(text.charCodeAt(start - 1)) || !isLetter(text.charCodeAt(start)) ? at : start
}

function isSchemeUnit(code: number): boolean {
  return isAlphanumeric(code) || code === 0x2b || code === 0x2d || code === 0x2e
}

function readUrl(
  view: TextView,
  settings: EntitySettings,
  start: number,
  from: number,
): Candidate | undefined {
  const authorityEnd = view.runEnd(from, MAX_USER_INFO + MAX_HOST, isAuthority)
  const authority = view.text.slice(from, authorityEnd)
  const at = authority.lastIndexOf('@')
  const colon = authority.indexOf(':')
  if (at === -1 || colon === -1 || colon > at - 2 || at > MAX_USER_INFO) return undefined
  if (PLACEHOLDER.test(authority.slice(colon + 1, at))) return undefined
  const host = authority.slice(at + 1)
  if (!/^[\p{L}\p{N}.[-]/u.test(host)) return undefined
  const pathEnd = view.runEnd(authorityEnd, MAX_PATH, isPath)
  const least = from + at + 2
  let end = pathEnd
  while (end > least && isTrailing(view.text.charCodeAt(end - 1))) end--
  return candidateOf(view, settings, start, end, { base: 0.95, words: [] })
}

/** No space, quote, angle bracket, backslash, slash, question mark or hash. */
function isAuthority(code: number): boolean {
  return isPath(code) && code !== 0x2f && code !== 0x3f && code !== 0x23
}

const isUrlEnd = oneOf('"\'<>\\`|{}')

function isPath(code: number): boolean {
  if (code === NOTHING || code <= 0x20 || (code >= 0x7f && code <= 0xa0)) return false
  return code < 0x80 ? !isUrlEnd(code) : !(code >= 0x2000 && code <= 0x303f) && code < 0xd800
}
