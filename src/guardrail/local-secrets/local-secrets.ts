import type { LocalGuardrail } from '../guardrail.ts'
import { readingGuardrail } from '../open-reading.ts'
import type { Anchor } from './anchors.ts'
import { assignmentMatcher } from './assignment.ts'
import { matchBasic, matchBearer } from './authorization.ts'
import { configSchema, type LocalSecretsConfig, RULES } from './config.ts'
import { matchUrlPassword } from './connection-string.ts'
import { guide } from './guide.ts'
import { matchJwt } from './jwt.ts'
import { KNOWN_EXAMPLES } from './known-examples.ts'
import { matchPrivateKey } from './private-key.ts'
import { secretReader } from './reader.ts'
import { TOKEN_RULES } from './token-rules.ts'
import { tokenMatcher } from './tokens.ts'

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
