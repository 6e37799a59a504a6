import { describe, expect, test } from 'vitest'
import { createGuardrail, guardrailConfigSchema, guardrailKinds } from '../../../src/guardrail/registry.ts'
import { guardrailDeps } from '../../support/guard-http.ts'

const NO_NETWORK = guardrailDeps(() => () => Promise.reject(new Error('no network here')))

const BEDROCK = { guardrail_id: 'gr1', guardrail_version: '1', region: 'us-east-1' }

/** The least config of each kind. */
const LEAST: Readonly<Record<keyof typeof guardrailKinds, object>> = {
  lakera: { api_key: 'k' },
  bedrock: { ...BEDROCK, api_key: 'k' },
  'bedrock-checks': { region: 'us-east-1', api_key: 'k' },
  'openai-moderation': {},
  'azure-content-safety': { endpoint: 'https://a.test' },
  'model-armor': { project: 'p', location: 'us-central1', template: 't', access_token: 'x' },
  presidio: { endpoint: 'https://a.test' },
  webhook: { dialect: 'generic', url: 'https://a.test/' },
  'llm-judge': { model: 'm' },
  keywords: { words: ['a'] },
  regex: { patterns: [{ name: 'n', pattern: 'a' }] },
  'local-pii': {},
  'local-secrets': {},
  'local-links': {},
  'local-prompt-attack': {},
}

describe.each(Object.keys(guardrailKinds) as (keyof typeof guardrailKinds)[])('%s', kind => {
  const { configSchema, secretKeys, locality } = guardrailKinds[kind]

  test('is created under its name, where it says that it runs', () => {
    const guardrail = createGuardrail(
      'mine',
      guardrailConfigSchema.parse({ kind, ...LEAST[kind] }),
      NO_NETWORK,
    )
    expect(guardrail).toMatchObject({ name: 'mine', locality })
  })

  test('takes its own kind only, and no key that it does not know', () => {
    expect(configSchema.safeParse({ kind, ...LEAST[kind] }).success).toBe(true)
    expect(configSchema.safeParse({ kind: 'other', ...LEAST[kind] }).success).toBe(false)
    expect(guardrailConfigSchema.safeParse({ kind, ...LEAST[kind], unknown: 1 }).success).toBe(false)
  })

  test('has its secrets among its keys, and takes a reference for each', () => {
    for (const key of secretKeys) {
      // Bedrock takes one sort of credentials or the other.
      const { api_key: _, ...rest } = { api_key: '', ...LEAST[kind] }
      const signed = { ...rest, access_key_id: 'a', secret_access_key: 's' }
      const least = kind.startsWith('bedrock') && key !== 'api_key' ? signed : LEAST[kind]
      const reference = '$secret://vault/kv/llm/key'
      const [block, below] = key.split('.')
      const config = { kind, ...least, [block!]: below === '*' ? { 'x-key': reference } : reference }
      expect(configSchema.safeParse(config).success).toBe(true)
    }
  })
})

test('only guard services have secrets and a network', () => {
  const told = Object.entries(guardrailKinds).flatMap(([kind, { secretKeys, locality }]) =>
    locality === 'remote' || secretKeys.length > 0 ? [`${kind}: ${locality}, ${secretKeys}`] : [],
  )
  expect(told).toEqual([
    'lakera: remote, api_key',
    'bedrock: remote, api_key,access_key_id,secret_access_key,session_token',
    'bedrock-checks: remote, api_key,access_key_id,secret_access_key,session_token',
    'openai-moderation: remote, api_key',
    'azure-content-safety: remote, api_key',
    'model-armor: remote, access_token',
    'presidio: remote, ',
    'webhook: remote, api_key,headers.*',
    'llm-judge: remote, api_key',
  ])
})

test('an unknown kind is refused', () => {
  expect(guardrailConfigSchema.safeParse({ kind: 'magic' }).success).toBe(false)
})
