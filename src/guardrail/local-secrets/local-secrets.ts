import { z } from 'zod'
import type { LocalGuardrail } from '../guardrail.ts'
import { readingGuardrail } from '../open-reading.ts'
import type { Anchor } from './anchors.ts'
import { assignmentMatcher } from './assignment.ts'
import { matchBasic, matchBearer } from './authorization.ts'
import { matchUrlPassword } from './connection-string.ts'
import { guide } from './guide.ts'
import { matchJwt } from './jwt.ts'
import { KNOWN_EXAMPLES } from './known-examples.ts'
import { matchPrivateKey } from './private-key.ts'
import { secretReader } from './reader.ts'
import { TOKEN_RULES } from './token-rules.ts'
import { tokenMatcher } from './tokens.ts'

/** Those that are no vendor's. */
const GENERAL_RULES = ['private-key', 'jwt', 'connection-string', 'authorization', 'assignment'] as const

/** The names of all rules. */
export const RULES: readonly string[] = [
  ...new Set([...TOKEN_RULES.map(({ rule }) => rule), ...GENERAL_RULES]),
].toSorted()

const MAX_ALLOWED = 1000
const DEFAULT_THRESHOLD = 3

const configSchema = z.strictObject({
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

function create(name: string, config: LocalSecretsConfig): LocalGuardrail {
  const asked: ReadonlySet<string> = new Set(config.rules === 'all' ? RULES : config.rules)
  const looksAtNames = config.entropy && (asked.has('assignment') || asked.has('aws'))
  const reader = secretReader({
    anchors: anchorsOf(asked),
    separator: looksAtNames ? onlyRules(asked, config.entropy_threshold) : undefined,
    isAllowed: allowList(config.allow),
  })
  return readingGuardrail(name, reader)
}

/** A key of AWS is told by its name, so that either rule may be asked for alone. */
function onlyRules(asked: ReadonlySet<string>, threshold: number): ReturnType<typeof assignmentMatcher> {
  const match = assignmentMatcher(threshold)
  return (source, at) => {
    const found = match(source, at)
    return found?.kind === 'secret' && !asked.has(found.rule) ? undefined : found
  }
}

function anchorsOf(asked: ReadonlySet<string>): readonly Anchor[] {
  const general: readonly (readonly [string, Anchor])[] = [
    ['private-key', { literal: '-----BEGIN ', match: matchPrivateKey }],
    ['jwt', { literal: 'eyJ', match: matchJwt }],
    ['connection-string', { literal: '://', match: matchUrlPassword }],
    ...['Bearer ', 'bearer '].map(literal => ['authorization', { literal, match: matchBearer }] as const),
    ...['Basic ', 'basic '].map(literal => ['authorization', { literal, match: matchBasic }] as const),
  ]
  const tokens = TOKEN_RULES.flatMap(rule =>
    rule.prefixes.map(literal => [rule.rule, { literal, match: tokenMatcher(rule, literal) }] as const),
  )
  return [...general, ...tokens].filter(([rule]) => asked.has(rule)).map(([, anchor]) => anchor)
}

function allowList(allow: readonly string[]): (secret: string) => boolean {
  const whole = new Set([...KNOWN_EXAMPLES, ...allow.filter(entry => !entry.endsWith('*'))])
  const beginnings = allow.filter(entry => entry.endsWith('*')).map(entry => entry.slice(0, -1))
  return secret => whole.has(secret) || beginnings.some(beginning => secret.startsWith(beginning))
}

/** Keys and passwords, in this process: nothing leaves it, and every finding has its span. */
export const localSecrets = { configSchema, secretKeys: [], locality: 'local', guide, create } as const
