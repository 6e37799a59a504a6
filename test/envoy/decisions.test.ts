import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const WORD = 'secret'
/** A local guardrail that cannot answer. */
const down = {
  name: 'down',
  locality: 'local' as const,
  scan(): never {
    throw new Error('down')
  },
}
const blocks = rule(flagWord(WORD))
const redacts = rule(flagWord(WORD), 'redact')
const alerts = rule(flagWord(WORD), 'alert')
const fails = rule(down)
const forgives = rule(down, 'block', 'fail-open')

describe.each(ENVOY_MODES)('what is decided, Envoy in %s', mode => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack(mode)
  })
  afterAll(() => stack.stop())
  const use = (overrides: Partial<Policy>): void => {
    stack.use(policySet(policy(overrides)))
    stack.upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('fine')] })
  }
  /** What the LLM got last. */
  const received = async (): Promise<string> => (await stack.upstream.requests.at(-1)!.complete).toString()
  const text = async (body: string): Promise<string> => (await stack.chat(body)).text()

  test.each([
    ['redact and block', [redacts, blocks], 'flagged'],
    ['alert and block', [alerts, blocks], 'flagged'],
    ['a failure and block', [fails, blocks], 'flagged'],
    ['a failure and redact', [fails, redacts], 'failed-closed'],
    ['a failure and a forgiven one', [forgives, fails], 'failed-closed'],
  ] as const)('the strictest of several rules counts: %s', async (_, rules, reason) => {
    use({ inputRules: rules })
    const refused = await stack.chat(chatRequest(`my ${WORD}`))
    expect(refused.headers.get('x-weir-reason')).toBe(reason)
    expect(await refused.text()).toContain('Request blocked by policy')
  })

  test('a redaction stands beside an alert and a forgiven failure', async () => {
    use({ inputRules: [alerts, forgives, redacts] })
    expect(await text(chatRequest(`my ${WORD}`))).toBe(chatCompletion('fine'))
    expect(await received()).toBe(chatRequest('my <WORD>'))
    expect(await stack.weir.telemetry.decided('request')).toMatchObject({ effective: 'redacted' })
  })

  const CUT = '{"messages": ['
  test('a request that cannot be read passes where every rule forgives it, and only there', async () => {
    use({ inputRules: [forgives, rule(flagWord(WORD), 'alert', 'fail-open')] })
    expect(await text(CUT)).toBe(chatCompletion('fine'))
    expect(await received()).toBe(CUT)
    expect(await stack.weir.telemetry.decided('request')).toMatchObject({
      effective: 'released',
      because: 'failed-open',
    })
    use({ inputRules: [forgives, blocks], denyCode: 403 })
    expect((await stack.chat(CUT)).status).toBe(400)
  })

  test('an answer that cannot be read passes where every rule forgives it, and only there', async () => {
    use({ outputRules: [forgives] })
    stack.upstream.respond({ headers: JSON_TYPE, chunks: ['{"choices": ['] })
    expect(await text(chatRequest('hello'))).toBe('{"choices": [')
    expect(await stack.weir.telemetry.decided('response')).toMatchObject({
      effective: 'released',
      because: 'failed-open',
    })
    use({ outputRules: [forgives, blocks] })
    stack.upstream.respond({ headers: JSON_TYPE, chunks: ['{"choices": ['] })
    expect(await text(chatRequest('hello'))).toContain('Response blocked by policy')
  })

  test('a live answer past max_response_bytes passes whole, and its record says why nobody judged it', async () => {
    use({
      outputRules: [rule(flagWord(WORD), 'alert', 'fail-open')],
      limits: { maxRequestBytes: 10_000, maxResponseBytes: 100 },
    })
    const events = chatEvents('fine, ', `a ${WORD}`)
    stack.upstream.respond({ headers: { 'content-type': 'text/event-stream' }, chunks: events })
    expect(await text(chatRequest('hello', { stream: true }))).toBe(events.join(''))
    expect(await stack.weir.telemetry.decided('response')).toMatchObject({
      effective: 'released',
      because: 'failed-open',
      delivery: 'live',
      rules: [{ outcome: 'failure', reason: 'over-limit' }],
    })
  })

  test('parts that no guard can read pass and are counted, or are denied where uninspectable says so', async () => {
    const content = [
      { type: 'text', text: 'look' },
      { type: 'image_url', image_url: { url: 'data:,' } },
    ]
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] })
    use({ inputRules: [blocks] })
    expect(await text(body)).toBe(chatCompletion('fine'))
    expect(stack.weir.telemetry.counts).toContain('uninspectable')
    use({ inputRules: [blocks], uninspectable: 'deny' })
    const refused = await stack.chat(body)
    expect(refused.headers.get('x-weir-reason')).toBe('uninspectable')
    expect(await refused.text()).toContain('Request blocked by policy')
  })

  test.each([
    ['an image alone', [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }]],
    ['no message', []],
  ])('a request with no text at all is for fail_mode: %s', async (_, messages) => {
    const body = JSON.stringify({ model: 'm', messages })
    for (const failMode of ['skip', 'warn'] as const) {
      use({ inputRules: [blocks], failMode })
      expect(await text(body)).toBe(chatCompletion('fine'))
      expect(stack.weir.telemetry.counts).toContain('unsupported')
      const warned = stack.weir.telemetry.records.map(({ because }) => because)
      expect(warned).toEqual(failMode === 'warn' ? ['unsupported'] : [])
    }
    use({ inputRules: [blocks], failMode: 'error' })
    const refused = await stack.chat(body)
    expect([refused.status, refused.headers.get('x-should-retry')]).toEqual([500, 'false'])
    expect(refused.headers.get('content-type')).toBe('application/json')
    expect(await refused.json()).toHaveProperty('error')
  })
})
