import { expect, test } from 'vitest'
import { CHAT_HEADERS, chatCompletion, chatRequest, JSON_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWordAsItGrows, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

/** A response whose request was never seen, as Envoy shows it in observability_mode: it names no body modes. */
function shown(headers: Record<string, string>): EnvoyModel {
  const outputRules = [rule(flagWordAsItGrows('secret'))]
  const envoy = new EnvoyModel(policySet(policy({ outputRules })), { mode: 'streamed', observed: true })
  envoy.headers('response', headers, 'more', { 'request.path': '/v1/chat/completions' })
  return envoy
}

const UNTOLD = { ':status': '200', 'content-type': 'application/json' }

test.each([
  ['in a coding that nobody knows', 'x-mine'],
  ['whose coding breaks', 'gzip'],
])('a response %s has reached the client, and its call goes on', (_, coding) => {
  const envoy = shown({ ...JSON_ANSWER, 'content-encoding': coding })
  envoy.body('response', 'this is neither')
  envoy.body('response', 'nor this', 'end')
  expect(envoy.records).toMatchObject([{ effective: 'released', because: 'failed-open' }])
  expect(envoy.ended).toBeUndefined()
})

test('a response that is cut before it tells what it is has reached the client as far as it went', () => {
  const envoy = shown(UNTOLD)
  envoy.body('response', '{ "id": "chat')
  envoy.step({ kind: 'closed' })
  expect(envoy.records).toMatchObject([{ effective: 'released', because: 'failed-open' }])
})

test('trailers end a response that only its end tells of', () => {
  const envoy = shown(UNTOLD)
  envoy.body('response', chatCompletion('a secret'))
  envoy.trailers('response')
  expect(envoy.records).toMatchObject([{ effective: 'released', because: 'alerted' }])
  expect(envoy.ended).toBeUndefined()
})

test('a guard that failed is recorded so on either side, though nothing waited for it', () => {
  const rules = [rule(remoteGuardrail())]
  const both = policy({ inputRules: rules, outputRules: rules })
  const envoy = new EnvoyModel(policySet(both), { mode: 'streamed', observed: true })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello'), 'end')
  envoy.answerScan({ kind: 'failure', reason: 'timeout', ms: 1 })
  envoy.headers('response', JSON_ANSWER)
  envoy.body('response', chatCompletion('fine'), 'end')
  envoy.answerScan({ kind: 'failure', reason: 'timeout', ms: 1 })
  expect(envoy.records).toMatchObject([
    { phase: 'request', effective: 'released', because: 'failed-open' },
    { phase: 'response', effective: 'released', because: 'failed-open' },
  ])
})
