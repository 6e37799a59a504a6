import { z } from 'zod'
import { TOKEN_RULES } from './token-rules.ts'

/** Those that are no vendor's. */
const GENERAL_RULES = ['private-key', 'jwt', 'connection-string', 'authorization', 'assignment'] as const

/** The names of all rules. */
export const RULES: readonly string[] = [
  ...new Set([...TOKEN_RULES.map(({ rule }) => rule), ...GENERAL_RULES]),
].toSorted()

const MAX_ALLOWED = 1000
const DEFAULT_THRESHOLD = 3

export const configSchema = z.strictObject({
  kind: z.literal('local-secrets'),
  rules: z
    .union([z.literal('all'), z.array(z.enum(RULES)).min(1)])
    .default('all')
    .describe('What to look for.'),
  entropy: z
    .boolean()
    .default(true)
    .describe('Look for values of unknown format that a name such as `api_key` or `password` calls secret.'),
  entropy_threshold: z
    .number()
    .min(1)
    .max(6)
    .default(DEFAULT_THRESHOLD)
    .describe('Bits of entropy that each character of such a value carries at least.'),
  allow: z
    .array(z.string().min(1).max(1024))
    .max(MAX_ALLOWED)
    .default([])
    .describe('Never findings: whole secrets, or with `*` at the end whatever begins so.'),
})

export type LocalSecretsConfig = z.output<typeof configSchema>
