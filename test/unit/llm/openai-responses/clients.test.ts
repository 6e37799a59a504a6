import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createOpenAI } from '@ai-sdk/openai'
import { jsonSchema, streamText, tool } from 'ai'
import OpenAI, { APIError } from 'openai'
import { zodTextFormat } from 'openai/helpers/zod'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Refusal, ReplyBody } from '../../../../src/llm/format.ts'
import { openaiResponses } from '../../../../src/llm/openai-responses/index.ts'
import type { ClientDriver } from '../../../clients/driver.ts'
import { drivers } from '../../../clients/drivers/openai-responses.ts'
import { asked, MESSAGE, refusalOf } from '../refused.ts'

const request = asked({ model: 'gpt-test', streams: true })
const refusal = (changes: Partial<Refusal> = {}): Refusal => refusalOf({ request, ...changes })
const structured = refusal({ request: { ...request, structuredOutput: true } })
const filtered = refusal({ finishReason: 'content_filter' })

interface Answer {
  readonly status?: number
  readonly contentType: string
  readonly chunks: readonly (string | Uint8Array)[]
}
const replied = ({ contentType, body }: ReplyBody): Answer => ({ contentType, chunks: [body] })

/** Runs `ask` against a server that gives every request this answer, and tells how many came. */
async function served<T>({ status = 200, contentType, chunks }: Answer, ask: (origin: string) => Promise<T>) {
  let requests = 0
  const server = createServer((incoming, outgoing) => {
    requests++
    incoming.resume().on('end', () => {
      outgoing.writeHead(status, { 'content-type': contentType })
      for (const chunk of chunks) outgoing.write(chunk)
      outgoing.end()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    return { shown: await ask(`http://127.0.0.1:${port}`), requests }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const readFixture = (name: string) =>
  readFileSync(new URL(`../../../fixtures/openai-responses/${name}`, import.meta.url))

/** The first frames of a recorded stream, a heartbeat, and the refusal of the rest. */
function refusedAfter(name: string, frameCount: number, given: Refusal = refusal()): Answer {
  const frames = openaiResponses.openStream().push(readFixture(name)).slice(0, frameCount)
  const at = openaiResponses.openPosition()
  for (const frame of frames) at.released(frame)
  const rest = openaiResponses.streamRefusal(given, at)
  const chunks = [...frames.map(({ bytes }) => bytes), openaiResponses.heartbeat, rest]
  return { contentType: 'text/event-stream', chunks }
}

const finishOf = ({ denied }: ClientDriver) => (denied.kind === 'answer' ? denied.finish : undefined)

describe.each(drivers.map(driver => [driver.name, driver] as const))('%s', (_, driver) => {
  const shape = driver.streams ? 'event-stream' : 'json'
  const ask = (answer: Answer) => served(answer, origin => driver.ask(origin, 'Hello'))

  test('shows an answer', async () => {
    const finish = driver.name.startsWith('ai ') ? 'stop' : 'completed'
    const { shown } = await ask(driver.answer(['Good', ' day', ' 🥶']))
    expect(shown).toEqual({ kind: 'answer', text: 'Good day 🥶', finish })
  })

  test('sends what this format reads', () => {
    const { body, path } = driver.request('Hello')
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    expect(path).toBe('/v1/responses')
    expect(openaiResponses.decodeRequest(bytes)).toMatchObject({
      value: { streams: driver.streams, segments: [{ role: 'user', text: 'Hello' }] },
    })
  })

  test('shows the refusal', async () => {
    const { shown, requests } = await ask(replied(openaiResponses.refusal(refusal(), shape)))
    expect(shown).toEqual({ kind: 'answer', text: MESSAGE, finish: finishOf(driver) })
    expect(requests).toBe(1)
  })

  test('shows the refusal that ends as content_filter', async () => {
    const finish = driver.name.startsWith('ai ') ? 'content-filter' : 'incomplete'
    const { shown } = await ask(replied(openaiResponses.refusal(filtered, shape)))
    expect(shown).toEqual({ kind: 'answer', text: MESSAGE, finish })
  })

  test('raises the error, asking once', async () => {
    const reply = openaiResponses.error({ status: 403, message: 'No way', code: 'content_filter' })
    const { shown, requests } = await ask({ ...replied(reply), status: 403 })
    expect(shown).toEqual({
      kind: 'error',
      status: 403,
      message: driver.name.startsWith('ai ') ? 'No way' : '403 No way',
    })
    expect(requests).toBe(1)
  })
})

const streaming = drivers.filter(driver => driver.streams).map(driver => [driver.name, driver] as const)

describe.each(streaming)('%s, in the middle', (_, driver) => {
  test.each([
    ['text.sse', 1, ''],
    ['text.sse', 3, ''],
    ['text.sse', 4, ''],
    ['text.sse', 6, 'The river Weiß'],
    ['text.sse', 8, 'The river Weiß is cold 🥶.'],
    ['text.sse', 10, 'The river Weiß is cold 🥶.'],
    // A call is open: without arguments, in its middle, with all of them.
    ['tool-calls.sse', 10, 'Let me look.'],
    ['tool-calls.sse', 11, 'Let me look.'],
    ['tool-calls.sse', 13, 'Let me look.'],
    ['reasoning.sse', 5, ''],
    ['reasoning.sse', 14, ''],
    ['reasoning.sse', 21, 'Hel'],
    ['hosted-tools.sse', 4, ''],
    ['hosted-tools.sse', 13, ''],
    ['refusal-crlf.sse', 3, ''],
  ] as const)('shows %s, refused after %i frames', async (name, count, released) => {
    const { shown } = await served(refusedAfter(name, count), origin => driver.ask(origin, 'Hello'))
    const text = released === '' ? MESSAGE : `${released}\n\n${MESSAGE}`
    expect(shown).toEqual({ kind: 'answer', text, finish: finishOf(driver) })
  })
})

describe('openai', () => {
  const clientAt = (origin: string) => new OpenAI({ apiKey: 'none', baseURL: `${origin}/v1`, maxRetries: 0 })
  const params = { model: 'gpt-test', input: 'Hello' }

  test('the error’s class, code and type', async () => {
    const reply = openaiResponses.error({ status: 403, message: 'No way', code: 'content_filter' })
    const { shown } = await served({ ...replied(reply), status: 403 }, origin =>
      clientAt(origin)
        .responses.create(params)
        .catch((error: unknown) => error),
    )
    expect(shown).toBeInstanceOf(APIError)
    expect(shown).toMatchObject({ status: 403, code: 'content_filter', type: 'invalid_request_error' })
  })

  const schema = { ...params, text: { format: zodTextFormat(z.object({ city: z.string() }), 'city') } }
  const refused = [{ type: 'refusal', refusal: MESSAGE }]

  test('parse: structured output shows a refusal', async () => {
    const { shown } = await served(replied(openaiResponses.refusal(structured, 'json')), origin =>
      clientAt(origin).responses.parse(schema),
    )
    expect(shown.output_parsed).toBeNull()
    expect(shown.output).toMatchObject([{ content: refused }])
  })

  test.each([0, 4, 6])('stream: structured output, refused after %i frames', async count => {
    const { shown } = await served(refusedAfter('text.sse', count, structured), origin =>
      clientAt(origin).responses.stream(schema).finalResponse(),
    )
    expect(shown).toMatchObject({ status: 'completed', output_parsed: null, output: [{ content: refused }] })
  })

  test('stream: the final answer is what the deltas built', async () => {
    const { shown } = await served(refusedAfter('text.sse', 6), async origin => {
      const stream = clientAt(origin).responses.stream(params)
      let built = ''
      const numbers: number[] = []
      for await (const event of stream) {
        if (event.type === 'response.output_text.delta') built += event.delta
        numbers.push(event.sequence_number)
      }
      return { built, numbers, final: await stream.finalResponse() }
    })
    expect(shown.built).toBe(`The river Weiß\n\n${MESSAGE}`)
    expect(shown.final.output_text).toBe(shown.built)
    expect(shown.numbers).toEqual(shown.numbers.map((_, index) => index))
  })
})

test('ai: an open call is not run', async () => {
  const ran: unknown[] = []
  const parameters = jsonSchema<{ city: string }>({
    type: 'object',
    properties: { city: { type: 'string' } },
  })
  const { shown } = await served(refusedAfter('tool-calls.sse', 13), async origin => {
    const answer = streamText({
      model: createOpenAI({ apiKey: 'none', baseURL: `${origin}/v1` }).responses('gpt-test'),
      prompt: 'Hello',
      maxRetries: 0,
      tools: { get_weather: tool({ inputSchema: parameters, execute: async input => ran.push(input) }) },
    })
    return { text: await answer.text, finish: await answer.finishReason, calls: await answer.toolCalls }
  })
  expect(shown).toEqual({ text: `Let me look.\n\n${MESSAGE}`, finish: 'stop', calls: [] })
  expect(ran).toEqual([])
})
