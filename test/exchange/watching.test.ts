import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Outcome } from '../../src/guardrail/guardrail.ts'
import type { Policy } from '../../src/policy/policy.ts'
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
import { FLAGGED, flagWordAsItGrows, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

const DOWN: Outcome = { kind: 'failure', reason: 'unreachable', ms: 1 }
/** A guard service that may only watch, beside a rule that may deny. */
const RULES = [rule(flagWordAsItGrows('secret')), rule(remoteGuardrail('watcher'), 'alert', 'fail-open')]

function exchange(mode: BodyMode, overrides: Partial<Policy>, stream: boolean): EnvoyModel {
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello', { stream }), 'end')
  return envoy
}

describe.each(ENVOY_MODES)('a rule that only watches keeps nobody waiting (%s)', mode => {
  test('on a request, and is recorded when it has answered', () => {
    const envoy = exchange(mode, { inputRules: RULES }, false)
    expect(envoy.request.endOut).toBe(true)
    expect(envoy.records).toEqual([])
    envoy.answerScan(FLAGGED)
    expect(envoy.records).toMatchObject([
      { effective: 'released', because: 'alerted', rules: [{ outcome: 'clean' }, { outcome: 'flagged' }] },
    ])
  })

  test('on a JSON answer', () => {
    const envoy = exchange(mode, { outputRules: RULES }, false)
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', chatCompletion('fine'), 'end')
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('fine'))
    envoy.answerScan(DOWN)
    expect(envoy.records).toMatchObject([{ effective: 'released', because: 'failed-open' }])
  })

  test.each(['window', 'withhold'] as const)(
    'on a stream, of which it sees a copy, delivery %s',
    delivery => {
      const stream = { ...policy().stream, delivery }
      const redacting = { ...RULES[0]!, action: 'redact' as const }
      const envoy = exchange(mode, { outputRules: [redacting, RULES[1]!], stream }, true)
      envoy.headers('response', STREAM_ANSWER)
      envoy.body('response', chatEvents('it is ', 'secret', '.').join(''), 'end')
      expect(envoy.response.endOut).toBe(true)
      expect(envoy.scans).toMatchObject([
        { lifetime: 'shadow', subject: { final: true, segments: [{ text: 'it is <WORD>.' }] } },
      ])
      envoy.step({ kind: 'closed' })
      expect(envoy.scans).toHaveLength(1)
      envoy.answerScan(FLAGGED)
      expect(envoy.records).toMatchObject([
        {
          effective: 'redacted',
          rules: [{ outcome: 'flagged' }, { guardrail: 'watcher', outcome: 'flagged' }],
        },
      ])
    },
  )

  test('on a stream that another rule denies, where it is not asked', () => {
    const envoy = exchange(mode, { outputRules: RULES }, true)
    envoy.headers('response', STREAM_ANSWER)
    envoy.body('response', chatEvents('a secret').join(''), 'end')
    expect(envoy.scans).toEqual([])
    expect(envoy.records).toMatchObject([{ effective: 'denied', because: 'flagged' }])
  })
})

test('a stream that is cut is judged by its watchers all the same', () => {
  const stream = { ...policy().stream, delivery: 'window' as const }
  const envoy = exchange('full-duplex', { outputRules: RULES, stream }, true)
  envoy.headers('response', STREAM_ANSWER)
  for (const event of chatEvents('it is ').slice(0, 2)) envoy.body('response', event)
  envoy.step({ kind: 'closed' })
  envoy.answerScan(FLAGGED)
  const rules = [{ outcome: 'clean' }, { guardrail: 'watcher', outcome: 'flagged' }]
  expect(envoy.records).toMatchObject([{ effective: 'discarded', because: 'cancelled', rules }])
})

describe('what a guard service sees of the request when it judges an answer', () => {
  const naming = { ...rule(flagWordAsItGrows('hello')), action: 'redact' as const }
  test.each([
    [undefined, []],
    ['conversation' as const, ['<WORD>']],
  ])('output_context %s', (outputContext, texts) => {
    const outputRules = [{ ...rule(remoteGuardrail()), outputContext }]
    const envoy = exchange('full-duplex', { inputRules: [naming], outputRules }, false)
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', chatCompletion('fine'), 'end')
    const [scan] = envoy.scans
    expect(scan?.subject.side === 'output' && scan.subject.conversation.map(({ text }) => text)).toEqual(
      texts,
    )
  })
})
