import { expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest, JSON_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'

const forgiving = { outputRules: [rule(flagWord('secret'), 'block', 'fail-open')] }

/** An exchange whose request has gone through, and whose JSON answer has begun. */
function answering(mode: BodyMode, overrides: Partial<Policy>): EnvoyModel {
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello'), 'end')
  envoy.headers('response', JSON_ANSWER)
  return envoy
}

const responseRecords = (envoy: EnvoyModel) => envoy.records.filter(record => record.phase === 'response')

test.each(ENVOY_MODES)('parts that no guard can read obey uninspectable: deny (%s)', mode => {
  const sound = { role: 'assistant', content: 'fine', audio: { data: 'UklGRg==' } }
  const body = JSON.stringify({ choices: [{ index: 0, message: sound, finish_reason: 'stop' }] })
  const envoy = answering(mode, { outputRules: [rule(flagWord('secret'))], uninspectable: 'deny' })
  envoy.body('response', body, 'end')
  const seen = Buffer.from(envoy.localReply?.body ?? envoy.response.bytes).toString()
  expect(seen).toContain('Response blocked by policy')
  expect(seen).not.toContain('UklGRg')
  expect(responseRecords(envoy)).toMatchObject([{ effective: 'denied', because: 'uninspectable' }])
})

test('a client that goes while the rest of an unread answer passes: what had gone is recorded', () => {
  const limits = { maxRequestBytes: 10_000, maxResponseBytes: 20 }
  const envoy = answering('full-duplex', { ...forgiving, limits })
  const begun = chatCompletion('fine').slice(0, 40)
  envoy.body('response', begun)
  envoy.step({ kind: 'closed' })
  expect(responseRecords(envoy)).toMatchObject([
    { effective: 'released', because: 'failed-open', bytesReleased: begun.length },
  ])
})
