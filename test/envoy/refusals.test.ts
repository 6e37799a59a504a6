import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LocalGuardrail } from '../../src/guardrail/guardrail.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'

const WORD = 'attack'
const both = { inputRules: [rule(flagWord(WORD))], outputRules: [rule(flagWord(WORD))] }

/** Flags everything, by two detectors, one of them twice. */
const categorising: LocalGuardrail = {
  name: 'categorising',
  locality: 'local',
  scan: () => ({
    kind: 'flagged',
    findings: [
      { detector: 'prompt_attack', score: 0.5 },
      { detector: 'prompt_attack', score: 0.966 },
      { detector: 'pii/email' },
    ],
  }),
}

const prompt = (extra: Record<string, unknown> = {}): string => chatRequest(WORD, extra)
const gemini = JSON.stringify({ contents: [{ role: 'user', parts: [{ text: WORD }] }] })
const converse = JSON.stringify({ messages: [{ role: 'user', content: [{ text: WORD }] }] })

describe.each(ENVOY_MODES)('a refusal, Envoy in %s', mode => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack(mode)
  })
  afterAll(() => stack.stop())
  const use = (overrides: Partial<Policy>): void => stack.use(policySet(policy(overrides)))
  const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${stack.envoy.address}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })

  test.each([
    ['request', { inputRules: [rule(categorising)] }],
    ['response', { outputRules: [rule(categorising)] }],
  ])(
    'of a %s names its detectors and their best scores where the policy reveals them, and only there',
    async (side, rules) => {
      stack.upstream.respond({
        headers: { 'content-type': 'application/json' },
        chunks: [chatCompletion('an answer')],
      })
      use({ ...rules, revealFailureCategories: true })
      const told = await stack.chat(chatRequest('hello'))
      expect(told.headers.get('x-weir-detectors')).toBe('prompt_attack;score=0.97, pii/email')
      const text = side === 'request' ? 'Request blocked by policy' : 'Response blocked by policy'
      expect(await told.text()).toContain(`${text}. Flagged categories: prompt_attack, pii/email`)

      use(rules)
      const kept = await stack.chat(chatRequest('hello'))
      expect(kept.headers.get('x-weir-detectors')).toBeNull()
      expect(kept.headers.get('x-weir-request-id')).toMatch(/^[0-9a-f]{32}$/)
      const body = await kept.text()
      expect(body).toContain(text)
      expect(body).not.toContain('prompt_attack')
    },
  )

  test.each([true, false])(
    'is a guardrail_violation where deny_format says so (stream: %s)',
    async stream => {
      use({ ...both, denyFormat: 'guardrail_violation' })
      const refused = await stack.chat(prompt({ stream }))
      expect([refused.status, refused.headers.get('content-type')]).toEqual([403, 'application/json'])
      expect(await refused.json()).toEqual({
        error: { type: 'guardrail_violation', code: 'content_filter', message: 'Request blocked by policy' },
      })
    },
  )

  test('stays an answer in the stream once headers are out, whatever deny_format says', async () => {
    use({ ...both, denyFormat: 'guardrail_violation' })
    stack.upstream.respond({
      headers: { 'content-type': 'text/event-stream' },
      chunks: chatEvents(`an ${WORD}`),
    })
    const refused = await stack.chat(chatRequest('hello', { stream: true }))
    const bytes = Buffer.from(await refused.arrayBuffer())
    if (mode === 'buffered') {
      expect(refused.status).toBe(403)
      expect(JSON.parse(bytes.toString())).toMatchObject({ error: { type: 'guardrail_violation' } })
    } else {
      expect(refused.status).toBe(200)
      expect(readChatStream(bytes)).toMatchObject({ text: 'Response blocked by policy', done: 1 })
    }
  })

  test.each([
    ['/v1/embeddings', { model: 'm', input: WORD }],
    ['/v1/images/generations', { model: 'm', prompt: WORD }],
    ['/v1/rerank', { model: 'm', query: WORD, documents: ['one'] }],
  ])('is an error 403 where an answer of the API has no text: %s', async (path, request) => {
    use(both)
    const refused = await post(path, JSON.stringify(request))
    expect(refused.status).toBe(403)
    expect(await refused.text()).toContain('Request blocked by policy')
  })

  const CHAT = '/v1/chat/completions'
  const EVENTS = 'text/event-stream'
  const JSON_TYPE = 'application/json'
  test.each([
    ['stream: true', CHAT, prompt({ stream: true }), JSON_TYPE, EVENTS],
    ['stream: false, whatever Accept says', CHAT, prompt({ stream: false }), EVENTS, JSON_TYPE],
    ['Accept alone', CHAT, prompt(), EVENTS, EVENTS],
    ['Accept that takes JSON as well', CHAT, prompt(), `${EVENTS}, ${JSON_TYPE}`, JSON_TYPE],
    ['nothing', CHAT, prompt(), '*/*', JSON_TYPE],
    ['a path of Gemini', '/v1beta/models/g:streamGenerateContent?alt=sse', gemini, JSON_TYPE, EVENTS],
    ['the other path of Gemini', '/v1beta/models/g:generateContent', gemini, EVENTS, JSON_TYPE],
    ['a path of Bedrock', '/model/m/converse-stream', converse, '*/*', 'application/vnd.amazon.eventstream'],
    ['the other path of Bedrock', '/model/m/converse', converse, EVENTS, JSON_TYPE],
    ['nothing, of Ollama', '/api/chat', prompt(), '*/*', 'application/x-ndjson'],
    ['stream: false, of Ollama', '/api/chat', prompt({ stream: false }), '*/*', JSON_TYPE],
  ])('streams as the request asks: %s', async (_, path, body, accept, type) => {
    use(both)
    const refused = await post(path, body, { accept })
    expect(refused.headers.get('content-type')?.split(';')[0]).toBe(type)
    expect(refused.status).toBe(200)
    expect(Buffer.from(await refused.arrayBuffer()).toString('latin1')).toContain('Request blocked by policy')
  })
})
