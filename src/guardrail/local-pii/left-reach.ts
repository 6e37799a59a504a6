import { letterRunStart } from './anchor.ts'
import { isAlphanumeric } from './text-view.ts'

const MAX_LEAD = 64
/** The letters before a number that belong to it: `AB 12 34 56 C`, `DE 123456789`, also behind an escaped line end. */
const PAIR = /(?<=\\[nrt]|(?<![A-Za-z0-9]))[A-Z]{2} $/
/** `dead:beef:` and `fe-` before the first digit of an address. */
const COLONS = /(?<![A-Za-z0-9:])(?:[A-Fa-f]{0,4}:){1,7}[A-Fa-f]{0,4}$/
const DASHES = /(?<![A-Za-z0-9-])(?:[A-Fa-f]{2}-){1,5}[A-Fa-f]{0,2}$/
const MONTH =
  /(?<![A-Za-z0-9])(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.? ?$/i
const NAME = "(?:\\p{Lu}[\\p{L}.']{0,19}|d[a-z]{0,4}|l[a-z]{0,2}|el?)"
const STREET_FIRST = `(?:[Vv]iale|[Vv]ia|[Pp]iazza|[Cc]orso|[Cc]alle|[Aa]venida|[Pp]laza|[Pp]aseo|[Rr]ua)(?: ${NAME}){0,4}`
const STREET_WORD =
  '\\p{Lu}[\\p{L}-]{1,24}(?:straße|strasse|str\\.|weg|platz|allee|gasse|ring|damm|ufer|chaussee|straat|laan|gatan|vägen)'
/** What a street may begin with that its number follows: a superset of those below, and of how they begin. */
const STREET = new RegExp(`(?<![\\p{L}\\p{N}])(?:${STREET_FIRST}|\\p{Lu}[\\p{L}-]{0,33}\\.?),? ?$`, 'u')
const WHOLE_STREET = new RegExp(`(?<![\\p{L}\\p{N}])(?:${STREET_FIRST}|${STREET_WORD}),? $`, 'u')

/** Which entities can start before their first digit with more than a sign and the letters of their word. */
export interface Leads {
  readonly dates: boolean
  readonly streets: boolean
}

/** Where an entity could start whose first digit is, or would be, at `at`. */
export function leftReach(text: string, at: number, { dates, streets }: Leads): number {
  const word = letterRunStart(text, at) ?? at
  let start = word
  const reach = (pattern: RegExp, end: number): void => {
    start = Math.min(start, end - leadOf(pattern, text, end))
  }
  switch (text[word - 1]) {
    case ' ':
      reach(PAIR, word)
      if (dates) reach(MONTH, word)
      break
    case '.':
      if (dates) reach(MONTH, word)
      break
    case ':':
      reach(COLONS, at)
      break
    case '-':
      reach(DASHES, at)
      break
    default:
  }
  if (streets) reach(STREET, at)
  return signStart(text, start)
}

/** Where the month starts that stands right before `at`, or `at`. */
export function monthBefore(text: string, at: number): number {
  return at - leadOf(MONTH, text, at)
}

/** Where the street starts that stands right before `at`, or `at`. */
export function streetBefore(text: string, at: number): number {
  return at - leadOf(WHOLE_STREET, text, at)
}

/** Where the groups of an address before its first digit start. */
export function hexBefore(text: string, at: number): number {
  return at - Math.max(leadOf(COLONS, text, at), leadOf(DASHES, text, at))
}

function leadOf(pattern: RegExp, text: string, end: number): number {
  return pattern.exec(text.slice(Math.max(0, end - MAX_LEAD), end))?.[0].length ?? 0
}

/** Signs that are part of a number behind them: `+49`, `(212)`, `-33.86`. */
function signStart(text: string, at: number): number {
  let start = at
  while (start > at - 2 && (text[start - 1] === '+' || text[start - 1] === '(')) start--
  const isSign =
    text[start - 1] === '-' && text[start - 2] !== '-' && !isAlphanumeric(text.charCodeAt(start - 2))
  return isSign ? start - 1 : start
}
