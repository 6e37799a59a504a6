import { ALNUM, DASH, isIn, UNDERSCORE } from './characters.ts'

const MAX_NAME = 64
const MAX_BLANKS = 4
const NAME_UNIT = ALNUM | UNDERSCORE | DASH

/** Every name that is secret holds one of these. */
const HINT = /pass|pw|psw|secret|token|credential|bearer|key|auth/i
const PASSWORD = /pass(?:word|wd|phrase|code)|(?:^|[_-])(?:pw|pwd|pass|psw)(?:$|[_-]|\d)|^p(?:w|wd|ass)$/i
const KEY =
  /secret|token|credential|bearer|(?:api|access|private|signing|encryption|master|account|auth|client|service|license|app|session|secret|shared|hmac|jwt)[_-]?key|(?:^|[_-])auth$/i
const LONE_KEY = /^(?:key|token)$/i
const OWNER = /(?:^|[^a-z])(?:api|access|private|secret|signing|encryption|master|account|auth|licen[cs]e) $/i
/** What the name is of, if not of the secret itself. */
const ABOUT =
  /(?:hash|sha\d{0,3}|digest|checksum|fingerprint|[_-]?ids?|name|ur[il]|path|file|type|len(?:gth)?|expir[a-z]{0,8}|count|field|header|param|policy|prefix|version|arn|limit|size|ttl|usage|pattern|regex|format|schema|endpoint|issuer|enabled)$|public|tokeni[sz]|(?:max|num|total|prompt|completion|csrf|xsrf)[_-]?tokens?/i

/** What the name before a separator says. */
export interface SecretName {
  readonly is: 'key' | 'password'
  readonly isAws: boolean
}

/** Reads the name that ends before `at`, in quotes or not; undefined when nothing secret is called so. */
export function readName(text: string, at: number): SecretName | undefined {
  let end = at
  while (end > at - MAX_BLANKS && text[end - 1] === ' ') end--
  if (text[end - 1] === ':') end--
  while (end > at - MAX_BLANKS - 1 && text[end - 1] === ' ') end--
  while (end > at - MAX_BLANKS - 3 && /["'`\]\\*]/.test(text.charAt(end - 1))) end--
  let start = end
  while (start > end - MAX_NAME && start > 0 && isIn(text, start - 1, NAME_UNIT)) start--
  const name = text.slice(start, end)
  if (name.length < 2 || !HINT.test(name)) return undefined
  const isAws = /aws|secret_?access/i.test(name)
  if (PASSWORD.test(name) && !ABOUT.test(name)) return { is: 'password', isAws }
  const isKey =
    KEY.test(name) || (LONE_KEY.test(name) && OWNER.test(text.slice(Math.max(0, start - 12), start)))
  return isKey && !ABOUT.test(name) ? { is: 'key', isAws } : undefined
}
