import { BASE64URL, isTokenStart } from './characters.ts'
import { AFTER_TOKEN, type Matcher } from './match.ts'

const LEAST = 10
const LEAST_SIGNATURE = 20
/** A longer one ends there; what a stream holds back for one is bounded. */
const MOST = 16_384

/** A signed JSON Web Token: two parts that begin like JSON in base64, and a signature. */
export const matchJwt: Matcher = ({ text, textEnd, runs }, at) => {
  if (!isTokenStart(text, at)) return undefined
  const isOpen = (end: number): boolean => textEnd === 'open' && end === text.length && end - at < MOST
  const open = { kind: 'open', start: at, wake: AFTER_TOKEN } as const
  const headerEnd = runs.endOf(at, BASE64URL, 0)
  if (isOpen(headerEnd)) return open
  if (text[headerEnd] !== '.' || headerEnd - at < LEAST) return undefined
  const payload = headerEnd + 1
  const payloadEnd = runs.endOf(payload, BASE64URL, 1)
  if (!'eyJ'.startsWith(text.slice(payload, Math.min(payload + 3, payloadEnd)))) return undefined
  if (isOpen(payloadEnd)) return open
  if (text[payloadEnd] !== '.' || payloadEnd - payload < LEAST) return undefined
  const signature = payloadEnd + 1
  const end = runs.endOf(signature, BASE64URL, 2)
  if (isOpen(end)) return open
  if (end - signature < LEAST_SIGNATURE) return undefined
  return {
    kind: 'secret',
    rule: 'jwt',
    score: 0.9,
    start: at,
    end: Math.min(end, at + MOST),
    told: 'by-format',
  }
}
