import { expect, test } from 'vitest'
import { CHAT_HEADERS, chatCompletion, chatRequest, JSON_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

/** What the fuzz targets once found, in words. */
const REQUEST = chatRequest('hello')

test('canonicalize without the request in sight is refused, not an answer without its guard', () => {
  const policies = policySet(policy({ canonicalize: true, outputRules: [rule(flagWord('secret'))] }))
  const envoy = new EnvoyModel(policies, { mode: 'full-duplex', requestMode: 'none' })
  envoy.headers('request', CHAT_HEADERS)
  envoy.trailers('request')
  envoy.headers('response', JSON_ANSWER)
  envoy.body('response', chatCompletion('secret'), 'end')
  expect(envoy.response.bytes.toString()).not.toContain('secret')
})

test('a request whose parallel rules only watch has its record', () => {
  const watching = [rule(remoteGuardrail(), 'alert', 'fail-open')]
  const policies = policySet(policy({ inputRules: [rule(flagWord('secret'))], parallelRules: watching }))
  const envoy = new EnvoyModel(policies, { mode: 'full-duplex' })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', REQUEST, 'end')
  envoy.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 0 })
  envoy.step({ kind: 'closed' })
  expect(envoy.records).toMatchObject([{ phase: 'request', effective: 'released' }])
})

test('second request headers do not begin the request anew', () => {
  const policies = policySet(policy({ inputRules: [rule(remoteGuardrail(), 'redact')] }))
  const envoy = new EnvoyModel(policies, { mode: 'full-duplex' })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', REQUEST, 'end')
  envoy.headers('request', CHAT_HEADERS)
  const finding = { detector: 'd', span: { segment: 0, start: 0, end: 5 } }
  envoy.answerScan({ kind: 'verdict', verdict: { kind: 'flagged', findings: [finding] }, ms: 0 })
  expect(envoy.request.bytes.toString()).not.toContain('hello')
})
