import { type Host, readHost } from './host.ts'
import type { Originals } from './look-alike.ts'
import type { Markup } from './markup.ts'
import { longestData, type UrlParts } from './scan-url.ts'

export const FLAGS = [
  'unknown',
  'look-alike',
  'punycode',
  'ip-host',
  'data',
  'javascript',
  'image',
  'link',
  'credentials',
] as const
/** What may be wrong with a link: the detector behind `link/`. */
export type Flag = (typeof FLAGS)[number]

/** What links are judged by. */
export interface LinkRules {
  readonly flags: ReadonlySet<Flag>
  readonly isAllowed: (host: string) => boolean
  readonly originals: Originals
  /** Units of data in a query that may carry something away. */
  readonly payloadChars: number
}

const SCORES: Readonly<Record<Flag, number>> = {
  unknown: 0.5,
  'look-alike': 0.9,
  punycode: 0.7,
  'ip-host': 0.7,
  data: 0.8,
  javascript: 0.9,
  image: 0.8,
  link: 0.5,
  credentials: 0.8,
}

export function scoreOf(flag: Flag): number {
  return SCORES[flag]
}

/** Paths hold names as well as data, so that it takes more of them. */
const PATH_FACTOR = 3

/** Everything that is wrong with a web address and asked for. */
export function judge(parts: UrlParts, markup: Markup, rules: LinkRules): readonly Flag[] {
  const host = readHost(parts.host)
  if (host === undefined) return []
  const wrong = flagsOf(parts, host, markup, rules)
  return wrong.filter(flag => rules.flags.has(flag))
}

function flagsOf(
  { userInfo, rest }: UrlParts,
  host: Host,
  markup: Markup,
  rules: LinkRules,
): readonly Flag[] {
  const fromUser: readonly Flag[] = userInfo === '' ? [] : ['credentials']
  if (rules.isAllowed(host.ascii)) return fromUser
  const isName = host.is === 'name'
  const isImitation = isName && host.unicode.includes('.') && rules.originals.isImitatedBy(host.unicode)
  const { query, path } = longestData(rest)
  const carriesData = query >= rules.payloadChars || path >= rules.payloadChars * PATH_FACTOR
  const all: readonly (Flag | false)[] = [
    isImitation && 'look-alike',
    host.isDisguised && 'punycode',
    host.is === 'public-address' && 'ip-host',
    carriesData && markup.is === 'image' && 'image',
    carriesData && markup.is === 'link' && 'link',
    !isImitation && isElsewhere(host) && 'unknown',
  ]
  return [...fromUser, ...all.filter(flag => flag !== false)]
}

/** Not on the reader's own machine or network. */
function isElsewhere({ is, ascii }: Host): boolean {
  return (
    is === 'public-address' ||
    (is === 'name' && ascii.includes('.') && !/\.(?:localhost|local|internal|test)$/.test(ascii))
  )
}
