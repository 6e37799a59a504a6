import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { FLAG_MARKER, type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { gate } from '../support/upstream.ts'

const REFUSAL = 'Request blocked by policy'
const STREAM_TYPE = { 'content-type': 'text/event-stream' }
const JSON_TYPE = { 'content-type': 'application/json' }

describe.each(ENVOY_MODES)('mode during_call, Envoy in %s', mode => {
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

  const use = (rule: string): void => {
    snapshot = snapshotOf(`
guardrails: { lakera: { kind: lakera, lakera_endpoint: "${lakera.url}" } }
policies: [{ name: chat, guardrails: [{ use: lakera, ${rule} }] }]
`)
    stack.use(snapshot.policySet)
  }
  const useParallel = (): void => use('mode: during_call, direction: input')
  const requestRecords = () => stack.weir.telemetry.records.filter(record => record.phase === 'request')

  test('the upstream has the whole request while the guard still thinks', async () => {
    useParallel()
    const verdict = gate()
    lakera.failNext({ kind: 'gate', until: verdict.opened })
    const before = stack.upstream.requests.length
    stack.upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('fine')] })
    const answer = stack.chat(chatRequest('hello'))
    const request = await stack.upstream.request(before)
    expect((await request.complete).toString()).toBe(chatRequest('hello'))
    verdict.open()
    expect(await (await answer).text()).toBe(chatCompletion('fine'))
    expect(requestRecords()).toMatchObject([{ effective: 'released', because: 'clean' }])
  })

  test('a denial before the upstream answers cancels it and is the refusal of a request', async () => {
    useParallel()
    const before = stack.upstream.requests.length
    stack.upstream.respond({ headers: JSON_TYPE, chunks: [gate()] })
    const verdict = gate()
    lakera.failNext({ kind: 'gate', until: verdict.opened })
    const answer = stack.chat(chatRequest(FLAG_MARKER, { stream: true }))
    const request = await stack.upstream.request(before)
    await request.complete
    verdict.open()
    const response = await answer
    expect(response.headers.get('x-weir-reason')).toBe('flagged')
    expect(readChatStream(new Uint8Array(await response.arrayBuffer()))).toMatchObject({
      text: REFUSAL,
      done: 1,
    })
    await request.aborted
    expect(requestRecords()).toMatchObject([{ effective: 'denied', because: 'flagged' }])
  })

  test.each([
    ['JSON', false],
    ['an event stream', true],
  ] as const)(
    'no byte of a response in %s is out before the verdict, and none after a denial',
    async (_, stream) => {
      useParallel()
      const verdict = gate()
      const answered = gate()
      lakera.failNext({ kind: 'gate', until: verdict.opened })
      stack.upstream.respond(async (request, reply) => {
        await request.complete
        reply.head(200, stream ? STREAM_TYPE : JSON_TYPE)
        await reply.send(stream ? chatEvents('from upstream').join('') : chatCompletion('from upstream'))
        reply.end()
        answered.open()
      })
      const answer = stack.chat(chatRequest(FLAG_MARKER, { stream }))
      await answered.opened
      verdict.open()
      const response = await answer
      const text = await response.text()
      expect(text).toContain(REFUSAL)
      expect(text).not.toContain('from upstream')
      expect(response.headers.get('x-weir-decision')).toBe('deny')
      expect(response.headers.get('content-type')).toContain(
        stream ? 'text/event-stream' : 'application/json',
      )
    },
  )

  test('the openai client sees the refusal, and the answer byte for byte when clean', async () => {
    useParallel()
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('all ', 'fine') })
    const ask = async (content: string): Promise<string> => {
      const messages = [{ role: 'user' as const, content }]
      const events = await client.chat.completions.create({ model: 'gpt-test', messages, stream: true })
      let text = ''
      for await (const event of events) text += event.choices[0]?.delta.content ?? ''
      return text
    }
    expect(await ask('hello')).toBe('all fine')
    expect(await ask(FLAG_MARKER)).toBe(REFUSAL)
  })

  test('a guard that is down denies, or lets the response go with fail_open', async () => {
    stack.upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('fine')] })
    useParallel()
    lakera.failAlways({ kind: 'status', status: 500 })
    const closed = await stack.chat(chatRequest('hello'))
    expect(await closed.text()).toContain(REFUSAL)
    await snapshot?.close()
    use('mode: during_call, direction: input, fail_open: true')
    const open = await stack.chat(chatRequest('hello'))
    expect(await open.text()).toBe(chatCompletion('fine'))
    lakera.failAlways(undefined)
    expect(requestRecords()).toMatchObject([{ because: 'failed-open' }])
  })

  test('without direction the response is judged as well', async () => {
    use('mode: during_call')
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents(`it says ${FLAG_MARKER}`) })
    const response = await stack.chat(chatRequest('hello', { stream: true }))
    const seen = readChatStream(new Uint8Array(await response.arrayBuffer()))
    expect(seen).toMatchObject({ text: 'Response blocked by policy', done: 1 })
  })

  describe('scan: latest_turn', () => {
    const history = (last: string): OpenAI.ChatCompletionMessageParam[] => [
      { role: 'user', content: FLAG_MARKER },
      { role: 'assistant', content: 'I cannot help with that' },
      { role: 'user', content: last },
    ]
    const ask = async (last: string): Promise<string | null | undefined> => {
      const answer = await client.chat.completions.create({ model: 'gpt-test', messages: history(last) })
      return answer.choices[0]?.message.content
    }

    test('an old flagged turn does not block the conversation for ever', async () => {
      stack.upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('fine')] })
      use('scan: latest_turn')
      expect(await ask('hello')).toBe('fine')
      expect(await ask(FLAG_MARKER)).toBe(REFUSAL)
      await snapshot?.close()
      use('scan: conversation')
      expect(await ask('hello')).toBe(REFUSAL)
    })

    test('roles leave out what others said; a tool result is a message of its own', async () => {
      stack.upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('fine')] })
      use('roles: [tool]')
      const before = lakera.requests.length
      const call = { id: 'call_1', type: 'function' as const, function: { name: 'f', arguments: '{}' } }
      const answer = await client.chat.completions.create({
        model: 'gpt-test',
        messages: [
          { role: 'user', content: FLAG_MARKER },
          { role: 'assistant', tool_calls: [call] },
          { role: 'tool', tool_call_id: 'call_1', content: 'what the tool found' },
        ],
      })
      expect(answer.choices[0]?.message.content).toBe('fine')
      expect(lakera.requests.slice(before).map(({ messages }) => messages)).toEqual([
        [{ role: 'tool', content: 'what the tool found' }],
      ])
    })
  })
})
