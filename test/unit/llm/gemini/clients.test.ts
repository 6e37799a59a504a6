import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGoogle } from '@ai-sdk/google'
import { ApiError, GoogleGenAI } from '@google/genai'
import {
  APICallError,
  embedMany,
  generateText,
  jsonSchema,
  NoObjectGeneratedError,
  Output,
  streamText,
} from 'ai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Frame, LlmFormat, LlmRequest, Refusal, ReplyBody } from '../../../../src/llm/format.ts'
import { gemini, geminiArray, geminiEmbed, geminiSse } from '../../../../src/llm/gemini/index.ts'
import { drivers } from '../../../clients/drivers/gemini.ts'
import { MESSAGE, refusalOf } from '../refused.ts'

/** What the server answers next, and what it was asked. */
let next: { status: number; contentType: string; chunks: readonly (string | Uint8Array)[] }
const asked: { path: string; body: Uint8Array }[] = []

const server = createServer((request, response) => {
  const chunks: Uint8Array[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => {
    asked.push({ path: request.url ?? '', body: Buffer.concat(chunks) })
    response.writeHead(next.status, { 'content-type': next.contentType })
    for (const chunk of next.chunks) response.write(chunk)
    response.end()
  })
})
let origin: string

beforeAll(async () => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  origin = `http://127.0.0.1:${address.port}`
})
afterAll(() => new Promise(resolve => server.close(resolve)))

const request = (changes: Partial<LlmRequest> = {}): LlmRequest => ({
  model: 'gemini-2.5-flash',
  streams: true,
  choices: 1,
  segments: [],
  uninspectable: 0,
  structuredOutput: false,
  streamUsage: false,
  ...changes,
})
const refusal = (changes: Partial<Refusal> = {}): Refusal => refusalOf({ request: request(), ...changes })

function serve(status: number, reply: ReplyBody | undefined): void {
  if (reply === undefined) throw new Error('no refusal')
  next = { status, contentType: reply.contentType, chunks: [reply.body] }
  asked.length = 0
}

const errorOf = (format: LlmFormat, status: number): ReplyBody =>
  format.error({ status, message: MESSAGE, code: 'content_filter' }, { id: '0', request: undefined })

const encoder = new TextEncoder()
const driversOf = (format: LlmFormat) => drivers.filter(driver => driver.format === format.name)

/** The first events of a stream, then the refusal that goes on with it. */
function serveCut(
  format: LlmFormat,
  chunks: readonly (string | Uint8Array)[],
  count: number,
  given = refusal(),
): void {
  const stream = format.openStream()
  const frames: Frame[] = chunks.flatMap(chunk => [
    ...stream.push(typeof chunk === 'string' ? encoder.encode(chunk) : chunk),
  ])
  const at = format.openPosition()
  const released = frames.slice(0, count)
  for (const frame of released) at.released(frame)
  const bytes = [...released.map(frame => frame.bytes), format.streamRefusal(given, at)]
  next = {
    status: 200,
    contentType: format === geminiSse ? 'text/event-stream' : 'application/json',
    chunks: bytes,
  }
}

const finishOf = (driver: (typeof drivers)[number]): string | undefined =>
  driver.denied.kind === 'answer' ? driver.denied.finish : undefined

describe.each(drivers)('$name', driver => {
  const format = [gemini, geminiSse, geminiArray].find(({ name }) => name === driver.format)!
  const ask = () => driver.ask(origin, 'hello')
  const shape = driver.streams ? 'event-stream' : 'json'

  test('shows an answer, and its request is read', async () => {
    const { contentType, chunks } = driver.answer(['The river ', 'Weiß'])
    next = { status: 200, contentType, chunks }
    asked.length = 0
    const shown = await ask()
    expect(shown).toEqual({
      kind: 'answer',
      text: 'The river Weiß',
      finish: expect.stringMatching(/^stop$/i),
    })
    expect(asked).toHaveLength(1)
    const raw = driver.request('hello')
    expect(asked[0]!.path).toBe(raw.path)
    for (const body of [asked[0]!.body, raw.body]) {
      const [path, query = ''] = raw.path.split('?', 2) as [string, string?]
      const bytes = typeof body === 'string' ? encoder.encode(body) : body
      expect(format.decodeRequest(bytes, { path, query })).toMatchObject({
        value: {
          model: 'gemini-2.5-flash',
          streams: driver.streams,
          segments: [{ role: 'user', kind: 'content', text: 'hello' }],
        },
      })
    }
  })

  test('shows a refusal', async () => {
    serve(200, format.refusal(refusal(), shape))
    expect(await ask()).toEqual({ kind: 'answer', text: MESSAGE, finish: finishOf(driver) })
  })

  test('shows an ordinary end where that is asked for', async () => {
    serve(200, format.refusal(refusal({ finishReason: 'stop' }), shape))
    expect(await ask()).toEqual({ kind: 'answer', text: MESSAGE, finish: expect.stringMatching(/^stop$/i) })
  })

  test('shows the first of two candidates', async () => {
    serve(200, format.refusal(refusal({ request: request({ choices: 2 }) }), shape))
    const shown = await ask()
    expect(shown).toMatchObject({ kind: 'answer', finish: finishOf(driver) })
    expect(shown).toHaveProperty('text', driver.format === 'gemini-array' ? MESSAGE + MESSAGE : MESSAGE)
  })

  test.each([400, 403, 413])('raises an error of status %i once', async status => {
    serve(status, errorOf(format, status))
    expect(await ask()).toEqual({ kind: 'error', status, message: MESSAGE })
    expect(asked).toHaveLength(1)
  })
})

describe.each([...driversOf(geminiSse), ...driversOf(geminiArray)])(
  'in the middle of a stream: $name',
  driver => {
    const format = driver.format === 'gemini-sse' ? geminiSse : geminiArray
    const ask = () => driver.ask(origin, 'hello')

    test.each([
      [0, MESSAGE],
      [1, `The river \n\n${MESSAGE}`],
      [2, `The river Weiß\n\n${MESSAGE}`],
    ])('after %i events', async (count, text) => {
      serveCut(format, driver.answer(['The river ', 'Weiß']).chunks, count)
      expect(await ask()).toEqual({ kind: 'answer', text, finish: finishOf(driver) })
    })

    test('after the answer said that it is complete nothing is added', async () => {
      serveCut(format, driver.answer(['The river ', 'Weiß']).chunks, 3)
      expect(await ask()).toMatchObject({ kind: 'answer', text: 'The river Weiß' })
    })
  },
)

describe('what the SDKs make of the rest', () => {
  const client = () =>
    new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: origin, apiVersion: 'v1beta' } })
  const google = () => createGoogle({ apiKey: 'k', baseURL: `${origin}/v1beta` })
  const event = (parts: readonly unknown[], more: object = {}) =>
    `data: ${JSON.stringify({ candidates: [{ content: { role: 'model', parts }, index: 0, ...more }], responseId: 'r1', usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 } })}\r\n\r\n`
  const streamedCall = [
    event([{ functionCall: { name: 'send', id: 'c1', willContinue: true } }]),
    event([
      {
        functionCall: {
          partialArgs: [{ jsonPath: '$.to', stringValue: 'a@', willContinue: true }],
          willContinue: true,
        },
      },
    ]),
  ]

  test('@google/genai: the whole response is one of the API', async () => {
    serve(200, gemini.refusal(refusal(), 'json'))
    const response = await client().models.generateContent({ model: 'm', contents: 'hello' })
    expect(response).toMatchObject({
      text: MESSAGE,
      modelVersion: 'gemini-2.5-flash',
      responseId: '0123456789abcdef0123456789abcdef',
      usageMetadata: { promptTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 },
    })
  })

  test('@google/genai on Vertex AI', async () => {
    const vertex = new GoogleGenAI({ vertexai: true, apiKey: 'k', httpOptions: { baseUrl: origin } })
    serve(200, geminiSse.refusal(refusal(), 'event-stream'))
    const events = await vertex.models.generateContentStream({ model: 'gemini-2.5-flash', contents: 'hello' })
    let text = ''
    for await (const { text: more } of events) text += more ?? ''
    expect(text).toBe(MESSAGE)
    const [{ path, body }] = asked as [{ path: string; body: Uint8Array }]
    expect(path).toContain('/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse')
    const decoded = geminiSse.decodeRequest(body, { path: path.split('?')[0]!, query: 'alt=sse' })
    expect(decoded).toMatchObject({ value: { model: 'gemini-2.5-flash', segments: [{ text: 'hello' }] } })
  })

  test('@google/genai: an error is an ApiError that holds the error object', async () => {
    serve(403, errorOf(gemini, 403))
    const error = await client()
      .models.generateContent({ model: 'm', contents: 'hello' })
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({
      status: 403,
      message: JSON.stringify({ error: { code: 403, message: MESSAGE, status: 'PERMISSION_DENIED' } }),
    })
  })

  test('@google/genai: token counts and embeddings fail with an error', async () => {
    const error = errorOf(geminiEmbed, 403)
    serve(403, error)
    await expect(client().models.countTokens({ model: 'm', contents: 'hello' })).rejects.toMatchObject({
      status: 403,
    })
    await expect(client().models.embedContent({ model: 'm', contents: 'hello' })).rejects.toMatchObject({
      status: 403,
    })
    expect(asked.map(({ path }) => path)).toEqual([
      '/v1beta/models/m:countTokens',
      '/v1beta/models/m:batchEmbedContents',
    ])
  })

  test('ai: embeddings fail with an error', async () => {
    serve(403, errorOf(geminiEmbed, 403))
    const failed = embedMany({ model: google().embedding('m'), values: ['hello', 'you'], maxRetries: 0 })
    const error = await failed.catch((reason: unknown) => reason)
    expect(APICallError.isInstance(error) && [error.statusCode, error.message]).toEqual([403, MESSAGE])
    const [{ path, body }] = asked as [{ path: string; body: Uint8Array }]
    expect(geminiEmbed.decodeRequest(body, { path, query: '' })).toMatchObject({
      value: { model: 'm', segments: [{ text: 'hello' }, { text: 'you' }] },
    })
  })

  test('ai: a refusal keeps the usage that the stream has told', async () => {
    serveCut(geminiSse, [event([{ text: 'Hi' }])], 1)
    const result = streamText({ model: google()('m'), prompt: 'hello', maxRetries: 0 })
    expect(await result.text).toBe(`Hi\n\n${MESSAGE}`)
    expect((await result.usage).inputTokens).toBe(3)
    expect((await result.response).id).toBe('r1')
  })

  test('ai: a tool call that is out stays, one that is open does not become one', async () => {
    const whole = event([{ functionCall: { name: 'now', args: {} } }])
    serveCut(geminiSse, [whole], 1)
    const called = streamText({ model: google()('m'), prompt: 'hello', maxRetries: 0 })
    expect(await called.text).toBe(MESSAGE)
    expect((await called.toolCalls).map(({ toolName }) => toolName)).toEqual(['now'])

    serveCut(geminiSse, streamedCall, 2)
    const open = streamText({ model: google()('m'), prompt: 'hello', maxRetries: 0 })
    expect(await open.text).toBe(MESSAGE)
    expect(await open.finishReason).toBe('content-filter')
  })

  test('@google/genai: a refusal inside an open tool call', async () => {
    serveCut(geminiSse, streamedCall, 2)
    const events = await client().models.generateContentStream({ model: 'm', contents: 'hello' })
    let text = ''
    for await (const { candidates } of events) {
      for (const part of candidates?.[0]?.content?.parts ?? []) text += part.text ?? ''
    }
    expect(text).toBe(MESSAGE)
  })

  test('ai: an answer that a schema must fit is no object, and says what was said', async () => {
    serve(200, gemini.refusal(refusal({ request: request({ structuredOutput: true }) }), 'json'))
    const schema = jsonSchema({ type: 'object', properties: { a: { type: 'string' } } })
    const failed = generateText({
      model: google()('m'),
      prompt: 'hello',
      maxRetries: 0,
      output: Output.object({ schema }),
    })
    const error = await Promise.resolve(failed)
      .then(({ output }) => output)
      .catch((reason: unknown) => reason)
    expect(NoObjectGeneratedError.isInstance(error) && [error.text, error.finishReason]).toEqual([
      MESSAGE,
      'content-filter',
    ])
    expect(gemini.decodeRequest(asked[0]!.body, { path: asked[0]!.path, query: '' })).toMatchObject({
      value: { structuredOutput: true },
    })
  })
})
