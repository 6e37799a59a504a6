import { isReference } from './assignment.ts'
import { DOT, isIn, isTokenStart, TOKEN } from './characters.ts'
import { AFTER_TOKEN, type Match, type Matcher } from './match.ts'
import { bitsPerCharacter, isPlaceholder } from './randomness.ts'

const LEAST_BEARER = 16
const LEAST_BASIC = 8
const MOST = 2048
const LEAST_BITS = 3

/** What stands behind `Bearer `: a token, not a word. */
export const matchBearer: Matcher = (source, at) =>
  matchCredentials(source, at, 'Bearer '.length, token => {
    const isToken = token.length >= LEAST_BEARER && /\d/.test(token) && /[a-z]/i.test(token)
    return isToken && bitsPerCharacter(token) >= LEAST_BITS
  })

/** What stands behind `Basic `: a user and a password in base64. */
export const matchBasic: Matcher = (source, at) =>
  matchCredentials(source, at, 'Basic '.length, token => {
    if (token.length < LEAST_BASIC || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(token)) return false
    return /^[\x20-\x39\x3b-\x7e]{1,128}:[\x20-\x7e]{1,256}$/.test(
      Buffer.from(token, 'base64').toString('latin1'),
    )
  })

function matchCredentials(
  { text, textEnd, runs }: Parameters<Matcher>[0],
  at: number,
  prefixUnits: number,
  isCredential: (token: string) => boolean,
): Match | undefined {
  if (!isTokenStart(text, at)) return undefined
  const start = at + prefixUnits
  const runEnd = runs.endOf(start, TOKEN)
  if (textEnd === 'open' && runEnd === text.length && runEnd - start < MOST)
    return { kind: 'open', start, wake: AFTER_TOKEN }
  let end = Math.min(runEnd, start + MOST)
  while (end > start && isIn(text, end - 1, DOT)) end--
  const token = text.slice(start, end)
  if (isPlaceholder(token) || isReference(token) || !isCredential(token)) return undefined
  return { kind: 'secret', rule: 'authorization', score: 0.85, start, end, told: 'guess' }
}
