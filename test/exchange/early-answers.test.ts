import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest, JSON_ANSWER, STREAM_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { FLAGGED, flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

// In STREAMED the upstream has the headers before the body was judged: it may answer meanwhile.

const REQUEST = chatRequest('hello', { stream: true })

/** A request that waits for its verdict, or for its end, when the upstream begins to answer. */
function asking(responseMode: BodyMode, sent: 'whole' | 'in part'): EnvoyModel {
  const rules = { inputRules: [rule(remoteGuardrail())], outputRules: [rule(flagWord('secret'))] }
  const envoy = new EnvoyModel(policySet(policy(rules)), { mode: 'streamed', responseMode })
  envoy.headers('request', CHAT_HEADERS)
  if (sent === 'whole') envoy.body('request', REQUEST, 'end')
  else envoy.body('request', REQUEST.slice(0, 20))
  return envoy
}

describe.each(['whole', 'in part'] as const)('an early answer to a request that is there %s', sent => {
  const bytes = sent === 'whole' ? REQUEST.length : 20

  test('and that is denied leaves a record of the request, too', () => {
    const envoy = asking('buffered', sent)
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', chatCompletion('a secret'), 'end')
    expect(envoy.localReply?.status).toBe(200)
    expect(envoy.records).toMatchObject([
      { phase: 'response', effective: 'denied', because: 'flagged' },
      { phase: 'request', effective: 'discarded', because: 'cancelled', bytesDiscarded: bytes },
    ])
    expect(envoy.request.bytes).toHaveLength(0)
    envoy.step({ kind: 'closed' })
    expect(envoy.records).toHaveLength(2)
  })

  test('and that cannot be read leaves a record of the request, too', () => {
    const envoy = asking('buffered', sent)
    envoy.headers('response', { ...JSON_ANSWER, 'content-encoding': 'unheard-of' })
    envoy.body('response', chatCompletion('fine'), 'end')
    expect(envoy.records).toMatchObject([
      { phase: 'response', effective: 'denied', because: 'failed-closed' },
      { phase: 'request', effective: 'discarded', because: 'cancelled', bytesDiscarded: bytes },
    ])
  })
})

test('a request that is denied under an answer that is held leaves a record of the answer, too', () => {
  const envoy = asking('full-duplex', 'whole')
  const held = 'data: {"choices":[{"index":0,"delta":{"content":"an ans'
  envoy.headers('response', STREAM_ANSWER)
  envoy.body('response', held)
  envoy.answerScan(FLAGGED)
  expect(envoy.ended?.status).toBe('unavailable')
  expect(envoy.records).toMatchObject([
    { phase: 'request', effective: 'denied', because: 'flagged' },
    { phase: 'response', effective: 'discarded', because: 'cancelled', bytesDiscarded: held.length },
  ])
  expect(envoy.response.bytes).toHaveLength(0)
})

test('a request that is refused leaves one record, whatever it waited for', () => {
  const rules = { inputRules: [rule(flagWord('x'))], parallelRules: [rule(remoteGuardrail())] }
  const limits = { maxRequestBytes: 10, maxResponseBytes: 1000 }
  const envoy = new EnvoyModel(policySet(policy({ ...rules, limits })), { mode: 'full-duplex' })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', REQUEST, 'end')
  expect(envoy.localReply?.status).toBe(413)
  expect(envoy.records).toMatchObject([{ phase: 'request', effective: 'denied' }])
})
