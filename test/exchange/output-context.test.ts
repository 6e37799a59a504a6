import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest, JSON_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

const HEAVY = chatRequest('hello '.repeat(800_000))

/** An answer is judged by what was asked; nothing else is. */
function grounded(failMode?: 'fail-open'): Partial<Policy> {
  return { outputRules: [{ ...rule(remoteGuardrail(), 'block', failMode), outputContext: 'conversation' }] }
}

function asked(mode: BodyMode, overrides: Partial<Policy>, body: string, headers = {}): EnvoyModel {
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode })
  envoy.holdsReads = true
  envoy.headers('request', { ...CHAT_HEADERS, ...headers })
  envoy.body('request', body, 'end')
  return envoy
}

/** How many texts of the request the guard of the answer sees. */
function conversationOf(envoy: EnvoyModel): number | undefined {
  envoy.headers('response', JSON_ANSWER)
  envoy.body('response', chatCompletion('fine'), 'end')
  const subject = envoy.scans.at(-1)?.subject
  return subject?.side === 'output' ? subject.conversation.length : undefined
}

describe.each(ENVOY_MODES)('a request by which only its answer is judged (%s)', mode => {
  test('goes on when it was read, so that no answer can begin before that', () => {
    const envoy = asked(mode, grounded(), HEAVY)
    expect(envoy.request.bytes.byteLength).toBe(0)
    envoy.answerRead()
    expect(envoy.request.bytes.toString() === HEAVY).toBe(true)
    expect(conversationOf(envoy)).toBe(1)
  })

  test.each([
    ['that does not decode', '{', {}, 400],
    ['in a coding that nobody knows', '{', { 'content-encoding': 'x-mine' }, 415],
  ])('%s fails the rule of its answer', (_, body, headers, status) => {
    const refused = asked(mode, grounded(), body, headers)
    expect([refused.localReply?.status, refused.request.bytes.byteLength]).toEqual([status, 0])
    const forgiven = asked(mode, grounded('fail-open'), body, headers)
    expect(forgiven.request.bytes.toString()).toBe(body)
    expect(forgiven.records).toMatchObject([{ effective: 'released', because: 'failed-open' }])
  })

  test('goes at once where rules beside the call hold the answer until it was read', () => {
    const envoy = asked(mode, { ...grounded(), parallelRules: [rule(flagWord('secret'))] }, HEAVY)
    expect(envoy.request.bytes.toString() === HEAVY).toBe(true)
    envoy.headers('response', JSON_ANSWER)
    expect(envoy.response.headersOut).toBe(false)
    envoy.answerRead()
    envoy.body('response', chatCompletion('fine'), 'end')
    const subject = envoy.scans.at(-1)?.subject
    expect(subject?.side === 'output' && subject.conversation.length).toBe(1)
  })
})

test('an answer that waited too long for a request to come fails the rule that judges it by that', () => {
  const forgiving = [rule(flagWord('secret'), 'block', 'fail-open')]
  const waited = (failMode?: 'fail-open'): EnvoyModel => {
    const overrides = policy({ ...grounded(failMode), parallelRules: forgiving })
    const envoy = new EnvoyModel(policySet(overrides), { mode: 'full-duplex' })
    envoy.headers('request', CHAT_HEADERS)
    envoy.headers('response', JSON_ANSWER)
    envoy.step({ kind: 'deadline' })
    return envoy
  }
  const refused = waited()
  expect(refused.response.headersOut).toBe(false)
  expect(refused.records).toMatchObject([{ effective: 'denied', because: 'failed-closed' }])
  const forgiven = waited('fail-open')
  forgiven.body('response', chatCompletion('fine'), 'end')
  forgiven.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 })
  expect(forgiven.response.bytes.toString()).toBe(chatCompletion('fine'))
})

test('a policy that judges answers by what was asked takes no exchange whose request Envoy does not send', () => {
  const envoy = new EnvoyModel(policySet(policy(grounded())), { mode: 'full-duplex', requestMode: 'none' })
  envoy.headers('request', CHAT_HEADERS)
  expect(envoy.ended).toMatchObject({ status: 'failed-precondition' })
})
