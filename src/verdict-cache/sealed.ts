import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Verdict } from '../guardrail/guardrail.ts'

/** A keyed hash over a text: only who has the key can make it. */
export type Seal = (text: string) => Buffer

export interface SealedVerdict {
  readonly key: string
  readonly verdict: Verdict
  /** Unix milliseconds: from then on the verdict is not taken any more, whatever the store says. */
  readonly expiresMs: number
}

const offset = z.int().min(0)
const verdictSchema: z.ZodType<Verdict> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('clean'), requestId: z.string().optional() }),
  z.strictObject({
    kind: z.literal('flagged'),
    findings: z.array(
      z.strictObject({
        detector: z.string().min(1),
        score: z.number().min(0).max(1).optional(),
        level: z.string().optional(),
        span: z.strictObject({ segment: offset, start: offset, end: offset }).optional(),
      }),
    ),
    requestId: z.string().optional(),
    breakdown: z
      .array(
        z.strictObject({
          detector: z.string().min(1),
          detected: z.boolean(),
          score: z.number().optional(),
          level: z.string().optional(),
        }),
      )
      .optional(),
  }),
])

/** `1.<expiry, Unix ms>.<seal, 64 hex digits>.<the verdict's JSON>` */
const SEALED = /^1\.(?<expiry>\d{1,16})\.(?<seal>[0-9a-f]{64})\.(?<json>\{.*)$/s

/**
 * The verdict as it is written to a store that others may write to. The seal binds it to its key and its end: a value
 * cannot be made up, moved to another key or kept alive by who does not have the secret.
 */
export function sealVerdict(seal: Seal, { key, verdict, expiresMs }: SealedVerdict): string {
  const json = JSON.stringify(verdict)
  const expiry = String(expiresMs)
  return `1.${expiry}.${seal(sealedText(key, expiry, json)).toString('hex')}.${json}`
}

/** Ends of verdicts that are believed, in Unix milliseconds: after `nowMs`, and not after `latestMs`. */
export interface BelievedEnds {
  readonly nowMs: number
  readonly latestMs: number
}

/**
 * The verdict of a stored value; undefined for anything that was not sealed for this key, is over, or has an end that
 * nobody can have given it. Never throws.
 */
export function openVerdict(
  seal: Seal,
  key: string,
  value: string,
  { nowMs, latestMs }: BelievedEnds,
): Verdict | undefined {
  const { expiry, seal: claimed, json } = SEALED.exec(value)?.groups ?? {}
  if (expiry === undefined || claimed === undefined || json === undefined) return undefined
  const expected = seal(sealedText(key, expiry, json))
  if (!timingSafeEqual(expected, Buffer.from(claimed, 'hex'))) return undefined
  if (Number(expiry) <= nowMs || Number(expiry) > latestMs) return undefined
  const verdict = verdictSchema.safeParse(parsed(json))
  return verdict.success ? verdict.data : undefined
}

/** A JSON list, so that no two triples read the same. */
function sealedText(key: string, expiry: string, json: string): string {
  return JSON.stringify([key, expiry, json])
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
