import { expect, test } from 'vitest'
import type { Policy, PolicySet } from '../../src/policy/policy.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest, JSON_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, flagWordAsItGrows, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

const SHOWN = { mode: 'streamed', observed: true } as const
const guarded = policy({
  inputRules: [rule(flagWord('secret'))],
  outputRules: [rule(flagWordAsItGrows('secret'))],
})
const ATTRIBUTES = { 'request.path': '/v1/chat/completions' }

/** A response whose request was never seen, as Envoy shows it in observability_mode: it names no body modes. */
function shown(headers: Record<string, string>, overrides: Partial<Policy> = {}): EnvoyModel {
  const envoy = new EnvoyModel(policySet({ ...guarded, inputRules: [], ...overrides }), SHOWN)
  envoy.headers('response', headers, 'more', ATTRIBUTES)
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
  expect(envoy.records).toMatchObject([
    { effective: 'released', because: 'failed-open', would: { enforced: 'denied' } },
  ])
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
  const envoy = new EnvoyModel(policySet(both), SHOWN)
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

test.each<[string, Record<string, string>, string, Partial<Policy>]>([
  ['that does not decode', CHAT_HEADERS, '{', {}],
  ['in a coding that nobody knows', { ...CHAT_HEADERS, 'content-encoding': 'x-mine' }, 'neither', {}],
  [
    'over the limit',
    CHAT_HEADERS,
    chatRequest('a secret'),
    { limits: { ...policy().limits, maxRequestBytes: 9 } },
  ],
])('a request %s has gone on, and its record says that nobody judged it', (_, headers, body, overrides) => {
  const envoy = new EnvoyModel(policySet({ ...guarded, ...overrides }), SHOWN)
  envoy.headers('request', headers)
  envoy.body('request', body, 'end')
  expect(envoy.records).toMatchObject([
    { phase: 'request', effective: 'released', because: 'failed-open', would: { enforced: 'denied' } },
  ])
  expect(envoy.ended).toBeUndefined()
})

test.each<[string, string, Partial<Policy>]>([
  ['that is empty', '', {}],
  ['that no rule would judge', '{', { inputRules: [] }],
])('a request %s leaves no record', (_, body, overrides) => {
  const envoy = new EnvoyModel(policySet({ ...guarded, ...overrides }), SHOWN)
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', body, 'end')
  expect(envoy.records).toEqual([])
})

test('a request that Envoy only shows and that the process has no room for is recorded as not judged', () => {
  const envoy = new EnvoyModel(policySet(guarded), SHOWN)
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('a secret').slice(0, 9))
  envoy.step({ kind: 'over-budget' })
  expect(envoy.records).toMatchObject([{ phase: 'request', effective: 'released', because: 'failed-open' }])
})

test('a request that is flagged has gone on, and its record says that it would have been denied', () => {
  const envoy = new EnvoyModel(policySet(guarded), SHOWN)
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('a secret'), 'end')
  expect(envoy.records).toMatchObject([
    { phase: 'request', effective: 'released', because: 'alerted', would: { enforced: 'denied' } },
  ])
})

test('a response that no format takes has passed, whatever fail_mode says', () => {
  const envoy = shown(UNTOLD, { failMode: 'error' })
  envoy.body('response', '{ "data": "secret" }', 'end')
  expect([envoy.counts, envoy.records, envoy.ended]).toEqual([['unsupported'], [], undefined])
})

test.each<[string, PolicySet, string | undefined, readonly string[]]>([
  ['that no policy takes', { policies: [], unmatched: 'deny', formats: [] }, undefined, ['unmatched']],
  ['whose policy there is not', policySet(guarded), 'another', []],
])('a response %s has passed', (_, policies, policyName, counts) => {
  const envoy = new EnvoyModel(policies, { ...SHOWN, policyName })
  envoy.headers('response', JSON_ANSWER, 'more', ATTRIBUTES)
  envoy.body('response', chatCompletion('a secret'), 'end')
  expect([envoy.counts, envoy.records, envoy.ended]).toEqual([counts, [], undefined])
  expect(envoy.gaps).toEqual([])
})

test('that a response passes for want of a policy is told', () => {
  const envoy = new EnvoyModel(policySet(), SHOWN)
  envoy.headers('response', JSON_ANSWER, 'more', ATTRIBUTES)
  expect([envoy.counts, envoy.gaps]).toEqual([['unmatched'], [{ kind: 'passed-unmatched' }]])
})

test('bodies that Envoy does not send end no call', () => {
  const envoy = new EnvoyModel(policySet(guarded), { ...SHOWN, requestMode: 'none', responseMode: 'none' })
  envoy.headers('request', CHAT_HEADERS)
  envoy.headers('response', JSON_ANSWER)
  expect(envoy.ended).toBeUndefined()
})

test('that a policy is not enforced is told of what Envoy only shows, and of nothing else', () => {
  for (const observed of [true, false]) {
    const [asked, answered] = [1, 2].map(
      () => new EnvoyModel(policySet(guarded), { mode: 'streamed', observed }),
    )
    asked!.headers('request', CHAT_HEADERS)
    answered!.headers('response', JSON_ANSWER, 'more', ATTRIBUTES)
    const told = observed ? [guarded.name] : []
    expect([asked!.unenforced, answered!.unenforced]).toEqual([told, told])
  }
})

test('a heavy request that was not read yet when its call was over is judged all the same', () => {
  const envoy = new EnvoyModel(policySet(guarded), SHOWN)
  envoy.holdsReads = true
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest(`a secret ${'x'.repeat(4_194_304)}`), 'end')
  expect(envoy.records).toEqual([])
  envoy.step({ kind: 'closed' })
  envoy.answerRead()
  expect(envoy.records).toMatchObject([{ effective: 'released', because: 'alerted' }])
})
