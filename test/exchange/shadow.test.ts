import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { DecisionRecord } from '../../src/exchange/record.ts'
import type { ShadowSetting } from '../../src/policy/decide.ts'
import type { Policy, Rule } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import {
  CHAT_HEADERS,
  chatCompletion,
  chatEvents,
  chatRequest,
  JSON_ANSWER,
  STREAM_ANSWER,
} from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, flagWordAsItGrows, policy, policySet, rule } from '../support/policies.ts'

type Part = 'request' | 'json' | 'stream'

const TEXT = 'it is a secret, with a name.'

/** What is recorded of the part of an exchange that the rules judge, in which the text stands. */
function recordOf(
  part: Part,
  mode: BodyMode,
  rules: readonly Rule[],
  given: { delivery?: Policy['stream']['delivery']; observed?: boolean } = {},
): DecisionRecord | undefined {
  const { delivery = 'withhold', observed = false } = given
  const side = part === 'request' ? { inputRules: rules } : { outputRules: rules }
  const stream = { ...policy().stream, delivery }
  const envoy = new EnvoyModel(policySet(policy({ ...side, stream })), { mode, observed })
  const phase = part === 'request' ? 'request' : 'response'
  const asked = part === 'request' ? TEXT : 'hello'
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest(asked, { stream: part === 'stream' }), 'end')
  if (phase === 'response') {
    envoy.headers('response', part === 'stream' ? STREAM_ANSWER : JSON_ANSWER)
    const body = part === 'stream' ? chatEvents(...TEXT.split(/(?= )/)).join('') : chatCompletion(TEXT)
    envoy.body('response', body, 'end')
  }
  return envoy.records.find(record => record.phase === phase)
}

const BROKEN: Rule['guardrail'] = {
  name: 'broken',
  locality: 'local',
  scan() {
    throw new Error('broken')
  },
}

const others: Readonly<Record<string, readonly Rule[]>> = {
  alone: [],
  'beside one that finds nothing': [rule(flagWordAsItGrows('absent'))],
  'beside one that redacts': [rule(flagWordAsItGrows('name'), 'redact')],
  'beside one that denies': [rule(flagWordAsItGrows('name'))],
}

const cases: readonly [string, Rule, ShadowSetting, Partial<Rule>][] = [
  ['an alert, had it been block', rule(flagWordAsItGrows('secret'), 'alert'), 'block', { action: 'block' }],
  [
    'an alert, had it been redact',
    rule(flagWordAsItGrows('secret'), 'alert'),
    'redact',
    { action: 'redact' },
  ],
  [
    'an alert without places, had it been redact',
    rule(flagWord('secret', { span: 'without-span' }), 'alert', 'fail-open'),
    'redact',
    { action: 'redact' },
  ],
  [
    'a failure, had it not been forgiven',
    rule(BROKEN, 'block', 'fail-open'),
    'fail_closed',
    { failOpen: false },
  ],
  [
    'a failure of an alert, had it not been forgiven',
    rule(BROKEN, 'alert', 'fail-open'),
    'fail_closed',
    { failOpen: false },
  ],
]

describe.each(ENVOY_MODES)('what would have been (%s)', mode => {
  describe.each(Object.entries(others))('%s', (_beside, beside) => {
    test.each(
      cases.flatMap(one =>
        (['request', 'json', 'stream'] as const).flatMap(part =>
          (part === 'stream' ? (['withhold', 'window'] as const) : (['withhold'] as const)).map(
            delivery => [part, delivery, ...one] as const,
          ),
        ),
      ),
    )('of a %s (%s): %s', (part, delivery, _name, watched, setting, other) => {
      const record = recordOf(part, mode, [watched, ...beside], { delivery })
      const real = recordOf(part, mode, [{ ...watched, ...other }, ...beside], { delivery })
      expect(real).toBeDefined()
      const expected = record?.effective === real?.effective ? undefined : real?.effective
      expect(record?.would?.[setting]).toBe(expected)
      const told = record?.rules.filter(({ would }) => would?.[setting] !== undefined)
      expect(told?.map(({ guardrail }) => guardrail)).toEqual(expected ? [watched.guardrail.name] : [])
    })
  })
})

test('of several rules is what all of them would have led to, each told apart', () => {
  const alerts = [
    rule(flagWordAsItGrows('name'), 'alert'),
    rule(flagWord('secret', { span: 'without-span' }), 'alert'),
    rule(BROKEN, 'block', 'fail-open'),
  ]
  expect(recordOf('json', 'full-duplex', alerts)).toMatchObject({
    effective: 'released',
    because: 'failed-open',
    rules: [
      { would: { block: 'denied', redact: 'redacted' } },
      { would: { block: 'denied', redact: 'denied' } },
      { would: { fail_closed: 'denied' } },
    ],
    would: { block: 'denied', redact: 'denied', fail_closed: 'denied' },
  })
})

test('is nothing where nothing was found', () => {
  const clean = [rule(flagWordAsItGrows('absent'), 'alert', 'fail-open')]
  expect(recordOf('json', 'full-duplex', clean)).not.toHaveProperty('would')
})

test('in observability_mode is what the policy says, had Envoy obeyed', () => {
  const name = rule(flagWordAsItGrows('name'), 'redact')
  const secret = rule(flagWordAsItGrows('secret'))
  const alert = rule(flagWordAsItGrows('it'), 'alert')
  for (const part of ['json', 'stream'] as const) {
    const record = recordOf(part, 'full-duplex', [name, secret, alert], { observed: true })
    expect(record).toMatchObject({ effective: 'released', because: 'alerted', would: { enforced: 'denied' } })
    // The alert would change nothing, since another rule would have denied.
    expect(record?.rules.map(({ would }) => would)).toEqual([
      { enforced: 'redacted' },
      { enforced: 'denied' },
      undefined,
    ])
  }
})
