import { expect, test } from 'vitest'
import {
  CHAT_HEADERS,
  chatEvents,
  chatRequest,
  JSON_ANSWER,
  readChatStream,
  STREAM_ANSWER,
} from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWordAsItGrows, policy, policySet, rule } from '../support/policies.ts'

const OUTPUT = [rule(flagWordAsItGrows('secret'))]

test('what stands behind the finding in the same chunk is neither held nor sent', () => {
  const envoy = new EnvoyModel(policySet(policy({ outputRules: OUTPUT })), { mode: 'streamed' })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello', { stream: true }), 'end')
  envoy.headers('response', STREAM_ANSWER)
  envoy.body('response', chatEvents('a secret', 'and so', ' much', ' more').join(''))
  const { text, done } = readChatStream(envoy.response.bytes)
  expect([text, done]).toEqual(['Response blocked by policy', 1])
  expect(envoy.keptBytes).toBe(0)
})

test.each([
  ['an event stream', STREAM_ANSWER],
  ['JSON', JSON_ANSWER],
])('%s of which the coding breaks is never passed on as far as it went', (_, headers) => {
  const envoy = new EnvoyModel(policySet(policy({ outputRules: OUTPUT })), { mode: 'full-duplex' })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello', { stream: true }), 'end')
  envoy.headers('response', { ...headers, 'content-encoding': 'gzip' })
  envoy.body('response', 'this is no gzip', 'end')
  expect(envoy.response.bytes.toString()).not.toContain('this is')
  expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', because: 'failed-closed' })
})

test.each([
  ['a response whose request was never seen, in a coding that nobody knows', 'x-mine', 'br is not it'],
  ['one whose coding breaks', 'gzip', 'this is no gzip'],
])('%s is a failure of every rule, whatever fail_mode says', (_, coding, body) => {
  const open = (failOpen: 'fail-open' | 'fail-closed'): EnvoyModel => {
    const outputRules = [rule(flagWordAsItGrows('secret'), 'block', failOpen)]
    const envoy = new EnvoyModel(policySet(policy({ outputRules, failMode: 'skip' })), {
      mode: 'full-duplex',
    })
    const attributes = { 'request.path': '/v1/chat/completions' }
    envoy.headers('response', { ...JSON_ANSWER, 'content-encoding': coding }, 'more', attributes)
    envoy.body('response', body, 'end')
    return envoy
  }
  const closed = open('fail-closed')
  expect(closed.records).toMatchObject([{ effective: 'denied', because: 'failed-closed' }])
  expect(closed.response.bytes).toHaveLength(0)
  expect(open('fail-open').records).toMatchObject([{ effective: 'released', because: 'failed-open' }])
})
