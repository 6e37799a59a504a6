import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAnthropic } from '@ai-sdk/anthropic'
import Anthropic, {
  APIError,
  BadRequestError,
  ContentTooLargeError,
  InternalServerError,
  PermissionDeniedError,
} from '@anthropic-ai/sdk'
import { APICallError, generateText, jsonSchema, streamText, tool } from 'ai'
import { afterEach, describe, expect, test } from 'vitest'
import {
  anthropicBatches,
  anthropicMessages,
  anthropicTokenCount,
} from '../../../../src/llm/anthropic-messages/index.ts'
import type { ReplyBody } from '../../../../src/llm/format.ts'
import { drivers } from '../../../clients/drivers/anthropic-messages.ts'
import { ID, MESSAGE, positionAfter, refusal, structured } from './given.ts'

interface Served {
  readonly origin: string
  /** Requests so far. */
  readonly hits: () => number
}

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.closeAllConnections()
})

/** Answers every request with these bytes, each chunk written by itself. */
async function serve(
  chunks: readonly (Uint8Array | string)[],
  headers: Record<string, string>,
  status = 200,
): Promise<Served> {
  let hits = 0
  const server = createServer((incoming, outgoing) => {
    hits += 1
    incoming.resume().on('end', () => {
      outgoing.writeHead(status, headers)
      for (const chunk of chunks) outgoing.write(chunk)
      outgoing.end()
    })
  })
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, hits: () => hits }
}

const serveReply = (reply: ReplyBody, status = 200) =>
  serve([reply.body], { ...reply.headers, 'content-type': reply.contentType }, status)
const serveEvents = (...chunks: (Uint8Array | string)[]) =>
  serve(chunks, { 'content-type': 'text/event-stream' })

const params = {
  model: 'claude-x',
  max_tokens: 9,
  messages: [{ role: 'user' as const, content: 'x' }],
} satisfies Anthropic.MessageCreateParams
const sdkAt = ({ origin }: Served) => new Anthropic({ apiKey: 'k', baseURL: origin })
const aiAt = ({ origin }: Served) => createAnthropic({ apiKey: 'k', baseURL: `${origin}/v1` })('claude-x')

describe.each(drivers)('$name', driver => {
  const shape = driver.streams ? 'event-stream' : 'json'

  test('its answer', async () => {
    const { contentType, chunks } = driver.answer(['The river', ' is cold'])
    const { origin } = await serve(chunks, { 'content-type': contentType })
    expect(await driver.ask(origin, 'x')).toEqual({
      kind: 'answer',
      text: 'The river is cold',
      finish: driver.name.startsWith('ai ') ? 'stop' : 'end_turn',
    })
  })

  test.each(['auto', 'content_filter'] as const)('a refusal, finish reason %s', async finishReason => {
    const { origin, hits } = await serveReply(anthropicMessages.refusal(refusal({ finishReason }), shape))
    const { denied } = driver
    expect(denied.kind).toBe('answer')
    const finish = denied.kind === 'answer' && denied.finish
    expect(await driver.ask(origin, 'x')).toEqual({ kind: 'answer', text: MESSAGE, finish })
    expect(hits()).toBe(1)
  })

  test('a refusal with the ordinary end', async () => {
    const reply = anthropicMessages.refusal(refusal({ finishReason: 'stop' }), shape)
    const { origin } = await serveReply(reply)
    const finish = driver.name.startsWith('ai ') ? 'stop' : 'end_turn'
    expect(await driver.ask(origin, 'x')).toEqual({ kind: 'answer', text: MESSAGE, finish })
  })

  test('an error', async () => {
    const error = { status: 403, message: MESSAGE, code: 'content_filter' } as const
    const reply = anthropicMessages.error(error, { id: ID, request: undefined })
    const { origin, hits } = await serveReply(reply, 403)
    const shown = await driver.ask(origin, 'x')
    expect(shown).toMatchObject({ kind: 'error', status: 403 })
    expect(shown.kind === 'error' && shown.message).toContain(MESSAGE)
    expect(hits()).toBe(1)
  })
})

describe.each(drivers.filter(({ streams }) => streams))('$name', driver => {
  test.each([
    ['text.sse', 0, ''],
    ['text.sse', 1, ''],
    ['text.sse', 2, ''],
    ['text.sse', 3, ''],
    ['text.sse', 4, 'The river'],
    ['text.sse', 6, 'The river Weiß is cold 🥶.'],
    ['text.sse', 7, 'The river Weiß is cold 🥶.'],
    ['tool-use.sse', 4, 'I look.'],
    ['tool-use.sse', 9, 'I look.'],
    ['thinking.sse', 3, ''],
    ['thinking.sse', 5, ''],
    ['thinking.sse', 6, ''],
    ['web-search.sse', 9, "I'll check."],
    ['lenient-server.sse', 2, ''],
  ])('%s, refused after %i frames', async (name, count, before) => {
    const { at, released } = positionAfter(name, count)
    const rest = anthropicMessages.streamRefusal(refusal(), at)
    const { heartbeat } = anthropicMessages
    const { origin } = await serveEvents(heartbeat, released, heartbeat, rest)
    const { denied } = driver
    const separator = before === '' || denied.kind !== 'answer' ? '' : denied.separator
    expect(await driver.ask(origin, 'x')).toEqual({
      kind: 'answer',
      text: `${before}${separator}${MESSAGE}`,
      finish: denied.kind === 'answer' && denied.finish,
    })
  })
})

describe('the blocks of a message', () => {
  const finalOf = async (name: string, count: number) => {
    const { at, released } = positionAfter(name, count)
    const served = await serveEvents(released, anthropicMessages.streamRefusal(refusal(), at))
    return sdkAt(served).messages.stream(params).finalMessage()
  }

  test('a refusal stands in one of its own, with the id and the model that the client saw', async () => {
    expect(await finalOf('text.sse', 4)).toMatchObject({
      id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
      model: 'claude-sonnet-4-5-20250929',
      content: [
        { type: 'text', text: 'The river' },
        { type: 'text', text: `\n\n${MESSAGE}` },
      ],
      stop_reason: 'refusal',
      usage: { input_tokens: 25, output_tokens: 2 },
    })
  })

  test('a tool call that is open stays, and the message does not end for it', async () => {
    expect(await finalOf('tool-use.sse', 8)).toMatchObject({
      content: [
        { type: 'text', text: 'I look.' },
        { type: 'tool_use', name: 'get_weather' },
        { type: 'text', text: `\n\n${MESSAGE}` },
      ],
      stop_reason: 'refusal',
    })
  })

  test('an end that is out stays as it is', async () => {
    expect(await finalOf('text.sse', 8)).toMatchObject({
      content: [{ type: 'text', text: 'The river Weiß is cold 🥶.' }],
      stop_reason: 'end_turn',
      usage: { output_tokens: 15 },
    })
  })

  test.each([
    [5, 'auto', 'content-filter'],
    [7, 'auto', 'content-filter'],
    [8, 'auto', 'content-filter'],
    [8, 'stop', 'content-filter'],
  ] as const)(
    'the AI SDK runs no tool call that is open after %i frames, finish reason %s',
    async (count, finishReason, finish) => {
      let ran = 0
      const { at, released } = positionAfter('tool-use.sse', count)
      const served = await serveEvents(
        released,
        anthropicMessages.streamRefusal(refusal({ finishReason }), at),
      )
      const result = streamText({
        model: aiAt(served),
        prompt: 'x',
        maxOutputTokens: 9,
        tools: {
          get_weather: tool({
            inputSchema: jsonSchema<object>({ type: 'object' }),
            execute: () => {
              ran += 1
              return 'sunny'
            },
          }),
        },
      })
      expect(await result.text).toBe(`I look.\n\n${MESSAGE}`)
      expect(await result.finishReason).toBe(finish)
      expect(ran).toBe(0)
    },
  )

  test('the id of a whole refusal', async () => {
    const served = await serveReply(anthropicMessages.refusal(refusal(), 'json'))
    const answer = await sdkAt(served).messages.create(params)
    expect(answer).toMatchObject({ id: `msg_${ID}`, model: 'claude-x', _request_id: `req_${ID}` })
  })
})

describe('structured output', () => {
  const format = {
    type: 'json_schema' as const,
    schema: { type: 'object' },
    parse: (content: string): unknown => JSON.parse(content),
  }

  test('parses to nothing, and stop_details say why', async () => {
    const served = await serveReply(anthropicMessages.refusal(structured, 'json'))
    const answer = await sdkAt(served).messages.parse({ ...params, output_config: { format } })
    expect(answer).toMatchObject({
      content: [],
      parsed_output: null,
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', explanation: MESSAGE },
    })
  })

  test('streamed', async () => {
    const served = await serveReply(anthropicMessages.refusal(structured, 'event-stream'))
    const stream = sdkAt(served).messages.stream({ ...params, output_config: { format } })
    expect(await stream.finalMessage()).toMatchObject({
      parsed_output: null,
      stop_reason: 'refusal',
      stop_details: { explanation: MESSAGE },
    })
  })

  test('plain text would not parse', async () => {
    const served = await serveReply(anthropicMessages.refusal(refusal(), 'json'))
    const answer = sdkAt(served).messages.parse({ ...params, output_config: { format } })
    await expect(answer).rejects.toThrow('Failed to parse structured output')
  })

  test('the AI SDK shows where it says why', async () => {
    const served = await serveReply(anthropicMessages.refusal(structured, 'json'))
    const { finishReason, providerMetadata } = await generateText({
      model: aiAt(served),
      prompt: 'x',
      maxOutputTokens: 9,
    })
    expect(finishReason).toBe('content-filter')
    expect(JSON.stringify(providerMetadata)).toContain(MESSAGE)
  })
})

describe('errors', () => {
  const errorOf = async (status: number): Promise<Served> =>
    serveReply(
      anthropicMessages.error(
        { status, message: MESSAGE, code: 'content_filter' },
        { id: ID, request: undefined },
      ),
      status,
    )

  test.each([
    [400, BadRequestError, 'invalid_request_error'],
    [403, PermissionDeniedError, 'permission_error'],
    [413, ContentTooLargeError, 'request_too_large'],
    [415, APIError, 'invalid_request_error'],
    [500, InternalServerError, 'api_error'],
  ])('%i', async (status, errorClass, type) => {
    const { origin } = await errorOf(status)
    const client = new Anthropic({ apiKey: 'k', baseURL: origin, maxRetries: 0 })
    const error: unknown = await client.messages.create(params).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(errorClass)
    expect(error).toMatchObject({ status, type, apiMessage: MESSAGE, requestID: `req_${ID}` })
  })

  test('the AI SDK shows the message', async () => {
    const served = await errorOf(403)
    const error: unknown = await generateText({ model: aiAt(served), prompt: 'x', maxOutputTokens: 9 }).catch(
      (thrown: unknown) => thrown,
    )
    expect(APICallError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({ statusCode: 403, message: MESSAGE, isRetryable: false })
    expect(served.hits()).toBe(1)
  })

  test.each([
    ['count_tokens', anthropicTokenCount, (sdk: Anthropic) => sdk.messages.countTokens(params)],
    [
      'batches',
      anthropicBatches,
      (sdk: Anthropic) => sdk.messages.batches.create({ requests: [{ custom_id: 'a', params }] }),
    ],
  ])('%s has no refusal but an error', async (_, format, ask) => {
    expect(format.refusal()).toBeUndefined()
    const error = { status: 403, message: MESSAGE, code: 'content_filter' } as const
    const served = await serveReply(format.error(error, { id: ID, request: undefined }), 403)
    const thrown: unknown = await ask(sdkAt(served)).catch((each: unknown) => each)
    expect(thrown).toBeInstanceOf(PermissionDeniedError)
    expect(thrown).toMatchObject({ type: 'permission_error', apiMessage: MESSAGE })
    expect(served.hits()).toBe(1)
  })
})
