import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type Stack, startStack } from '../support/stack.ts'

const STREAM_TYPE = { 'content-type': 'text/event-stream' }
const JSON_TYPE = { 'content-type': 'application/json' }
const MAIL = 'jane.doe@example.com'
const DELIVERIES = ['window', 'withhold'] as const

describe.each(ENVOY_MODES)('action redact, Envoy in %s', mode => {
  let stack: Stack
  let lakera: LakeraStub
  let client: OpenAI
  let snapshot: Snapshot | undefined
  beforeAll(async () => {
    stack = await startStack(mode)
    lakera = await startLakeraStub()
    client = new OpenAI({ apiKey: 'sk-test', baseURL: `${stack.envoy.address}/v1`, maxRetries: 0 })
  })
  afterEach(async () => {
    await snapshot?.close()
    snapshot = undefined
  })
  afterAll(async () => {
    await stack.stop()
    await lakera.close()
  })

  const use = (rules: string, stream = '{}'): void => {
    snapshot = snapshotOf(`
guardrails: { pii: { kind: local-pii }, lakera: { kind: lakera, lakera_endpoint: "${lakera.url}" } }
policies: [{ name: chat, guardrails: [${rules}], stream: ${stream} }]
`)
    stack.use(snapshot.policySet)
  }
  const answerWith = (...tokens: string[]): void => {
    stack.upstream.respond(async (request, reply) => {
      const asked: { stream?: boolean } = JSON.parse((await request.complete).toString())
      reply.head(200, asked.stream ? STREAM_TYPE : JSON_TYPE)
      const chunks = asked.stream ? chatEvents(...tokens) : [chatCompletion(tokens.join(''))]
      for (const chunk of chunks) await reply.send(chunk)
      reply.end()
    })
  }
  const messages = (content: string): OpenAI.ChatCompletionMessageParam[] => [{ role: 'user', content }]
  /** What the openai client shows of a streamed answer. */
  async function streamed(content: string): Promise<{ text: string; args: string }> {
    const events = await client.chat.completions.create({
      model: 'gpt-test',
      messages: messages(content),
      stream: true,
    })
    const out = { text: '', args: '' }
    for await (const { choices } of events) {
      out.text += choices[0]?.delta.content ?? ''
      out.args += choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? ''
    }
    return out
  }
  async function whole(content: string): Promise<string | null | undefined> {
    const answer = await client.chat.completions.create({ model: 'gpt-test', messages: messages(content) })
    return answer.choices[0]?.message.content
  }
  const lastRequest = async (): Promise<string> => (await stack.upstream.requests.at(-1)!.complete).toString()

  test.each([
    ['replace', 'mail <EMAIL> now'],
    ['mask', `mail ${'*'.repeat(MAIL.length)} now`],
    ['hash, hash_key: k', /^mail <EMAIL_[0-9a-f]{12}> now$/],
  ])(
    'of a request, style %s: the upstream gets the placeholder and every other byte',
    async (style, text) => {
      use(`{ use: pii, action: redact, redact: { style: ${style} } }`)
      answerWith('fine')
      const body = (content: string): string =>
        `{ "model":"gpt-test",  "messages":[{"role":"user","content":"${content}"}],"x":1.50}`
      const response = await stack.chat(body(`mail ${MAIL} now`))
      expect(await response.text()).toBe(chatCompletion('fine'))
      const got = await lastRequest()
      const { messages: sent }: { messages: { content: string }[] } = JSON.parse(got)
      if (typeof text === 'string') expect(sent[0]?.content).toBe(text)
      else expect(sent[0]?.content).toMatch(text)
      expect(got).toBe(body(sent[0]?.content ?? ''))
    },
  )

  test('of a JSON answer: the text changes, and nothing else', async () => {
    use('{ use: pii, direction: output, action: redact }')
    answerWith(`it is ${MAIL}.`)
    const response = await stack.chat(chatRequest('who?'))
    expect(await response.text()).toBe(chatCompletion('it is <EMAIL>.'))
    expect(await whole('who?')).toBe('it is <EMAIL>.')
  })

  test.each(DELIVERIES)(
    'of a stream, delivery %s: across tokens, and every other event as it came',
    async delivery => {
      use('{ use: pii, direction: output, action: redact }', `{ delivery: ${delivery} }`)
      const tokens = ['it is ', 'jane.', 'doe@exam', 'ple.com', ', she says. ', 'Bye']
      answerWith(...tokens)
      const response = await stack.chat(chatRequest('who?', { stream: true }))
      const bytes = new Uint8Array(await response.arrayBuffer())
      expect(readChatStream(bytes)).toMatchObject({ text: 'it is <EMAIL>, she says. Bye', done: 1 })
      const sent = new Set(chatEvents(...tokens))
      const touched = Buffer.from(bytes)
        .toString()
        .split(/(?<=\n\n)/)
        .filter(event => !sent.has(event))
      expect(touched.length).toBeLessThanOrEqual(3)
      expect((await streamed('who?')).text).toBe('it is <EMAIL>, she says. Bye')
      expect(stack.weir.telemetry.records.at(-1)).toMatchObject({ phase: 'response', effective: 'redacted' })
    },
  )

  describe('restore', () => {
    const RESTORE = '{ use: pii, action: redact, redact: { restore: true } }'

    test('gives a JSON answer its originals back; the upstream never sees them', async () => {
      use(RESTORE)
      answerWith('I wrote to <EMAIL_1>.')
      expect(await whole(`write to ${MAIL}`)).toBe(`I wrote to ${MAIL}.`)
      expect(await lastRequest()).toContain('write to <EMAIL_1>')
      const raw = await stack.chat(chatRequest(`write to ${MAIL}`))
      expect(await raw.text()).toBe(chatCompletion(`I wrote to ${MAIL}.`))
    })

    test.each(DELIVERIES)(
      'works across the windows of a stream that is guarded too, delivery %s',
      async delivery => {
        const before = lakera.requests.length
        use(
          `${RESTORE}, { use: lakera, direction: output }`,
          `{ delivery: ${delivery}, window: { first_chars: 4 } }`,
        )
        answerWith('I wrote to <EMA', 'IL_1> and to <EMAIL_2', '>. Bye')
        expect((await streamed(`write to ${MAIL} and to joe@example.org`)).text).toBe(
          `I wrote to ${MAIL} and to joe@example.org. Bye`,
        )
        const judged = JSON.stringify(lakera.requests.slice(before))
        expect(judged).toContain('<EMAIL_1>')
        expect(judged).not.toContain(MAIL)
      },
    )

    test('works inside tool arguments', async () => {
      use(RESTORE)
      const call = (args: string): string => {
        const fn = { name: 'send', arguments: args }
        const delta = { tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: fn }] }
        return `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
      }
      const chunks = [call('{"to":"<EMA'), call('IL_1>"}'), ...chatEvents().slice(1)]
      stack.upstream.respond({ headers: STREAM_TYPE, chunks })
      const { args } = await streamed(`write to ${MAIL}`)
      expect(JSON.parse(args)).toEqual({ to: MAIL })
    })

    test('keeps what it knows to its exchange', async () => {
      use(RESTORE)
      answerWith('<EMAIL_1>')
      const mails = ['a@example.com', 'b@example.com', 'c@example.com', 'd@example.com']
      expect(await Promise.all(mails.map(mail => whole(`write to ${mail}`)))).toEqual(mails)
      expect(await whole('write to nobody')).toBe('<EMAIL_1>')
    })
  })
})
