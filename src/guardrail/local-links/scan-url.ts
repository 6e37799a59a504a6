/** A longer one ends there, so that what a stream holds back for one is bounded. */
export const MAX_URL = 2048

/** What no URL holds as it stands; blanks and controls beside it. */
const STOPS = new Uint8Array(128).fill(1, 0, 0x21)
for (const character of '"<>`{}|\\^\u007f') STOPS[character.charCodeAt(0)] = 1
/** Full-width letters are those of the plain view. */
const LETTER = /(?![\uff00-\uffef])[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{M}\p{Nd}]/u
const ANY_LETTER = /(?![\uff00-\uffef])[\p{L}\p{M}\p{Nd}\u3002]/u

const EXCLAMATION = 0x21
const BRACKET = 0x5d

/** What decides a URL that goes on to the end of the text. */
export const WAKE = /[\s"<>`{}|\\^()[\]]|[^\x00-\x7f]/
/** A sentence's, or of the markup around. */
const TRAILING = /[.,;:!?'*_~\]]/

/**
 * Where the URL ends whose host starts at `hostStart`. Text without blanks may go on right behind it: letters of other
 * scripts end it, unless its host begins with one.
 */
export function urlEnd(text: string, start: number, hostStart: number): number {
  const limit = Math.min(text.length, start + MAX_URL)
  const letter = text.charCodeAt(hostStart) > 0x7f ? ANY_LETTER : LETTER
  let parentheses = 0
  let end = hostStart
  for (; end < limit; end++) {
    const unit = text.charCodeAt(end)
    if (unit > 0x7f) {
      if (!letter.test(text.charAt(end))) break
      continue
    }
    if (STOPS[unit] === 1) break
    // Markup begins or goes on.
    if (text[end + 1] === (unit === EXCLAMATION ? '[' : unit === BRACKET ? '(' : '')) break
    if (unit === 0x28) parentheses++
    if (unit === 0x29 && parentheses-- === 0) break
  }
  return end
}

/** The end without what stands behind a URL rather than in it. */
export function withoutTrailing(text: string, hostStart: number, urlEndsAt: number): number {
  let end = urlEndsAt
  while (end > hostStart && TRAILING.test(text.charAt(end - 1))) end--
  return end
}

/** The parts of a URL behind its slashes. */
export interface UrlParts {
  readonly userInfo: string
  /** As it stands there, without the port. */
  readonly host: string
  /** Path, query and fragment. */
  readonly rest: string
}

export function partsOf(behindSlashes: string): UrlParts {
  const authorityEnd = behindSlashes.search(/[/?#]/)
  const authority = authorityEnd === -1 ? behindSlashes : behindSlashes.slice(0, authorityEnd)
  const at = authority.lastIndexOf('@')
  return {
    userInfo: at === -1 ? '' : authority.slice(0, at),
    host: authority.slice(at + 1).replace(/:\d{0,5}$/, ''),
    rest: authorityEnd === -1 ? '' : behindSlashes.slice(authorityEnd),
  }
}

/** The longest piece of data in what follows the host: in a query's value or the fragment, and in the path. */
export function longestData(rest: string): { readonly query: number; readonly path: number } {
  const queryStart = rest.search(/[?#]/)
  const path = queryStart === -1 ? rest : rest.slice(0, queryStart)
  const query = queryStart === -1 ? '' : rest.slice(queryStart)
  return { query: longest(query.split(/[?#&=;]/)), path: longest(path.split('/')) }
}

function longest(pieces: readonly string[]): number {
  return pieces.reduce((most, piece) => Math.max(most, piece.length), 0)
}
