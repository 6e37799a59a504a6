import { describe, expect, test } from 'vitest'
import type { GuardrailDeps } from '../../../src/guardrail/registry.ts'
import { createGuardrail, guardrailConfigSchema, guardrailKinds } from '../../../src/guardrail/registry.ts'

const NO_NETWORK: GuardrailDeps = { postJson: () => Promise.reject(new Error('no network here')) }

/** The least config of each kind. */
const LEAST: Readonly<Record<keyof typeof guardrailKinds, object>> = {
  lakera: {},
  keywords: { words: ['a'] },
  regex: { patterns: [{ name: 'n', pattern: 'a' }] },
  'local-pii': {},
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
      const config = { kind, ...LEAST[kind], [key]: '$secret://vault/kv/llm/key' }
      expect(configSchema.safeParse(config).success).toBe(true)
    }
  })
})

test('only lakera has a secret and a network', () => {
  const told = Object.entries(guardrailKinds).flatMap(([kind, { secretKeys, locality }]) =>
    locality === 'remote' || secretKeys.length > 0 ? [`${kind}: ${locality}, ${secretKeys}`] : [],
  )
  expect(told).toEqual(['lakera: remote, api_key'])
})

test('an unknown kind is refused', () => {
  expect(guardrailConfigSchema.safeParse({ kind: 'magic' }).success).toBe(false)
})
