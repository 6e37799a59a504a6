import { describe, expect, test } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest, JSON_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

// What Envoy's config keeps from Weir must not pass as something that nobody has to look at.

const GUARDED = policySet(
  policy({ inputRules: [rule(flagWord('attack'))], outputRules: [rule(flagWord('secret'))] }),
)
const without = (headers: Record<string, string>, name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name))

describe.each(ENVOY_MODES)('Envoy in %s', mode => {
  const asked = (policies = GUARDED): EnvoyModel => {
    const envoy = new EnvoyModel(policies, { mode })
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', chatRequest('hello'), 'end')
    return envoy
  }
  /** Envoy fails closed on it, whatever it has of the body. */
  const expectRefused = (envoy: EnvoyModel, why: RegExp): void => {
    expect(envoy.ended).toMatchObject({ status: 'failed-precondition', why: expect.stringMatching(why) })
    expect(envoy.response.bytes).toHaveLength(0)
  }

  test('a request without its path', () => {
    const envoy = new EnvoyModel(GUARDED, { mode })
    envoy.headers('request', without(CHAT_HEADERS, ':path'))
    expectRefused(envoy, /:path.*forward_rules\.disallowed_headers/)
    expect(envoy.request.headersOut).toBe(false)
  })

  test('a request without its host, where a policy asks for it', () => {
    const withHost = policy({ match: { hosts: ['api.example.com'] }, inputRules: [rule(flagWord('attack'))] })
    const withPath = policy({ match: { paths: ['/other/'] } })
    for (const [policies, policyName, status] of [
      [policySet(withHost), undefined, 'failed-precondition'],
      [policySet(withPath, withHost), undefined, 'failed-precondition'],
      // The metadata names it: the host chooses nothing.
      [policySet(withHost), withHost.name, undefined],
      [GUARDED, undefined, undefined],
    ] as const) {
      const envoy = new EnvoyModel(policies, { mode, policyName })
      envoy.headers('request', without(CHAT_HEADERS, ':authority'))
      expect(envoy.ended?.status).toBe(status)
    }
  })

  test('a tunnel has none', () => {
    const envoy = new EnvoyModel(GUARDED, { mode })
    envoy.headers('request', { ':method': 'CONNECT', ':authority': 'api.example.com' })
    expect(envoy.ended?.status).not.toBe('failed-precondition')
  })

  test('a request without its headers', () => {
    const envoy = new EnvoyModel(GUARDED, { mode })
    envoy.body('request', chatRequest('an attack'), 'end')
    expectRefused(envoy, /request came without its headers: set processing_mode.request_header_mode to SEND/)
    expect(envoy.request.bytes).toHaveLength(0)
  })

  test('an answer without its status', () => {
    const envoy = asked()
    envoy.headers('response', without(JSON_ANSWER, ':status'))
    expectRefused(envoy, /:status.*forward_rules/)
    expect(envoy.response.headersOut).toBe(false)
  })

  test('an answer without its headers', () => {
    const envoy = asked()
    envoy.body('response', chatCompletion('a secret'), 'end')
    expectRefused(
      envoy,
      /response came without its headers: set processing_mode.response_header_mode to SEND/,
    )
  })

  test.each(['headers', 'status'])('an answer without its %s while its request is judged', what => {
    const envoy = asked(policySet(policy({ parallelRules: [rule(remoteGuardrail())] })))
    if (what === 'headers') envoy.body('response', chatCompletion('fine'), 'end')
    else {
      envoy.headers('response', without(JSON_ANSWER, ':status'))
      envoy.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 })
    }
    expectRefused(envoy, /without/)
  })
})

test('an Envoy that takes no replies is not told', () => {
  const envoy = new EnvoyModel(GUARDED, { mode: 'streamed', observed: true })
  envoy.headers('request', without(CHAT_HEADERS, ':path'))
  expect(envoy.ended).toBeUndefined()
})
