import OpenAI, { APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'

/** A local guardrail that cannot answer, as one whose service is down. */
const down = {
  name: 'down',
  locality: 'local' as const,
  scan(): never {
    throw new Error('down')
  },
}

const both = { inputRules: [rule(flagWord('attack'))], outputRules: [rule(flagWord('secret'))] }

interface Seen {
  readonly text: string
  readonly finish: string | null | undefined
}

describe.each(ENVOY_MODES)('the openai client, Envoy in %s', mode => {
  let stack: Stack
  let client: OpenAI
  beforeAll(async () => {
    stack = await startStack(mode)
    client = new OpenAI({ apiKey: 'sk-test', baseURL: `${stack.envoy.address}/v1`, maxRetries: 2 })
  })
  afterAll(() => stack.stop())

  const use = (overrides: Partial<Policy>): void => stack.use(policySet(policy(overrides)))
  const answerWith = (text: string): void => {
    stack.upstream.respond(async (request, reply) => {
      const asked: { stream?: boolean } = JSON.parse((await request.complete).toString())
      const type = asked.stream ? 'text/event-stream' : 'application/json'
      reply.head(200, { 'content-type': type })
      for (const chunk of asked.stream ? chatEvents(text) : [chatCompletion(text)]) await reply.send(chunk)
      reply.end()
    })
  }
  const messages = (content: string): OpenAI.ChatCompletionMessageParam[] => [{ role: 'user', content }]

  async function create(content: string): Promise<Seen> {
    const answer = await client.chat.completions.create({ model: 'gpt-test', messages: messages(content) })
    const choice = answer.choices[0]
    return { text: choice?.message.content ?? '', finish: choice?.finish_reason }
  }
  /** The raw event iterator. */
  async function stream(content: string): Promise<Seen> {
    const events = await client.chat.completions.create({
      model: 'gpt-test',
      messages: messages(content),
      stream: true,
    })
    let text = ''
    let finish: string | null | undefined
    for await (const event of events) {
      text += event.choices[0]?.delta.content ?? ''
      finish = event.choices[0]?.finish_reason ?? finish
    }
    return { text, finish }
  }
  /** The helper, which is strict about roles, indexes and finish reasons. */
  async function streamHelper(content: string): Promise<Seen> {
    const run = client.chat.completions.stream({ model: 'gpt-test', messages: messages(content) })
    const answer = await run.finalChatCompletion()
    const choice = answer.choices[0]
    return { text: choice?.message.content ?? '', finish: choice?.finish_reason }
  }
  const ways = { create, stream, streamHelper }

  describe.each(['create', 'stream', 'streamHelper'] as const)('by %s', way => {
    test('reads an allowed answer', async () => {
      use(both)
      answerWith('all fine')
      expect(await ways[way]('hello')).toEqual({ text: 'all fine', finish: 'stop' })
    })

    test('reads a refusal when its request is denied', async () => {
      use(both)
      answerWith('never asked')
      expect(await ways[way]('an attack')).toEqual({
        text: 'Request blocked by policy',
        finish: 'content_filter',
      })
    })

    test('reads a refusal when the answer is denied', async () => {
      use(both)
      answerWith('the secret')
      expect(await ways[way]('hello')).toEqual({
        text: 'Response blocked by policy',
        finish: 'content_filter',
      })
    })

    test('reads finish reason stop where the policy asks for it', async () => {
      use({ ...both, finishReason: 'stop' })
      expect(await ways[way]('an attack')).toEqual({ text: 'Request blocked by policy', finish: 'stop' })
    })

    test.each([
      ['request', { inputRules: [rule(down)] }, 'Request blocked by policy'],
      ['response', { outputRules: [rule(down)] }, 'Response blocked by policy'],
    ])('reads a refusal when the guard of its %s is down, fail closed', async (_side, rules, text) => {
      use(rules)
      answerWith('all fine')
      expect(await ways[way]('hello')).toEqual({ text, finish: 'content_filter' })
    })

    test('reads the answer when the guard is down, fail open', async () => {
      const open = [rule(down, 'block', 'fail-open')]
      use({ inputRules: open, outputRules: open })
      answerWith('all fine')
      expect(await ways[way]('hello')).toEqual({ text: 'all fine', finish: 'stop' })
    })

    test('gets its own error class with deny_code 403, and does not try again', async () => {
      use({ ...both, denyCode: 403 })
      const before = stack.weir.telemetry.opened
      const failure = await ways[way]('an attack').catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(APIError)
      expect(failure).toMatchObject({ status: 403, code: 'content_filter', type: 'invalid_request_error' })
      expect(stack.weir.telemetry.opened - before).toBe(1)
    })

    test('gets a 413 for a request that is too large, and does not try again', async () => {
      use({ ...both, limits: { maxRequestBytes: 10_000, maxResponseBytes: 10_000 } })
      const before = stack.weir.telemetry.opened
      const failure = await ways[way]('x'.repeat(20_000)).catch((error: unknown) => error)
      expect(failure).toMatchObject({ status: 413 })
      expect(stack.weir.telemetry.opened - before).toBe(1)
    })
  })

  test('finishes every choice it asked for', async () => {
    use(both)
    const request = { model: 'gpt-test', messages: messages('an attack'), n: 3 }
    const whole = await client.chat.completions.create(request)
    const streamed = await client.chat.completions.stream(request).finalChatCompletion()
    for (const answer of [whole, streamed]) {
      expect(answer.choices.map(choice => choice.finish_reason)).toEqual([
        'content_filter',
        'content_filter',
        'content_filter',
      ])
    }
  })

  test('parses a refusal of a structured answer', async () => {
    use(both)
    const answer = await client.chat.completions.parse({
      model: 'gpt-test',
      messages: messages('an attack'),
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: { type: 'object', properties: {} }, strict: true },
      },
    })
    expect(answer.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { parsed: null, refusal: 'Request blocked by policy' },
    })
  })

  test('gets a usage event only when it asked for one', async () => {
    use(both)
    const usage = async (include: Record<string, unknown>): Promise<unknown[]> => {
      const events = await client.chat.completions.create({
        model: 'gpt-test',
        messages: messages('an attack'),
        stream: true,
        ...include,
      })
      const seen: unknown[] = []
      for await (const event of events) if (event.usage) seen.push(event.usage)
      return seen
    }
    expect(await usage({})).toHaveLength(0)
    expect(await usage({ stream_options: { include_usage: true } })).toMatchObject([{ total_tokens: 0 }])
  })
})
