import { isReference } from './assignment.ts'
import { endOfStretch, stopsAt } from './characters.ts'
import type { Matcher } from './match.ts'
import { isPlaceholder } from './randomness.ts'

const MAX_USER = 128
const MAX_PASSWORD = 256
const LEAST_PASSWORD = 4
const ANCHOR = '://'
/** What cannot stand in the user and the password of a URL; the password may hold an at sign, the host does not. */
const ENDS_USER = stopsAt('/@:"\'`<>\\|')
const ENDS_PASSWORD = stopsAt('/"\'`<>\\|')
const WAKE = /[\s/@"'`<>\\|]/
/** As documentation has them: no secret, whoever uses them. */
const STOCK =
  /^(?:password|passwd|passw0rd|pass|pwd|secret|user|username|root|admin|guest|test|token|x-oauth-basic)\d{0,3}$/i

/** The password in a URL such as `postgres://user:password@host/database`. A user that is a token is found beside it. */
export const matchUrlPassword: Matcher = ({ text, textEnd }, at) => {
  if (!/[a-z0-9]/i.test(text[at - 1] ?? '')) return undefined
  const user = at + ANCHOR.length
  const userEnd = endOfStretch(text, user, ENDS_USER, MAX_USER)
  if (userEnd === text.length && userEnd - user < MAX_USER)
    return textEnd === 'open' ? { kind: 'open', start: user } : undefined
  if (text[userEnd] !== ':') return undefined
  const start = userEnd + 1
  const stretchEnd = endOfStretch(text, start, ENDS_PASSWORD, MAX_PASSWORD)
  if (textEnd === 'open' && stretchEnd === text.length && stretchEnd - start < MAX_PASSWORD)
    return { kind: 'open', start: user, wake: WAKE }
  if (stretchEnd - start <= LEAST_PASSWORD) return undefined
  const end = start + text.slice(start, stretchEnd).lastIndexOf('@')
  if (end < start + LEAST_PASSWORD || !/[\w[]/.test(text[end + 1] ?? '')) return undefined
  const password = text.slice(start, end)
  if (isPlaceholder(password) || isReference(password) || STOCK.test(password) || /[{}[\]()]/.test(password))
    return undefined
  return { kind: 'secret', rule: 'connection-string', score: 0.9, start, end, told: 'guess' }
}
