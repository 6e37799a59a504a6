import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  AccessDeniedException,
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  type ConverseStreamOutput,
  InternalServerException,
  ThrottlingException,
  ValidationException,
} from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { afterEach, describe, expect, test } from 'vitest'
import { anthropicMessages } from '../../../../src/llm/anthropic-messages/index.ts'
import { bedrockConverse, bedrockConverseStream } from '../../../../src/llm/bedrock-converse/index.ts'
import { bedrockInvoke, bedrockInvokeStream } from '../../../../src/llm/bedrock-invoke/index.ts'
import type { LlmFormat, ReplyBody } from '../../../../src/llm/format.ts'
import { drivers } from '../../../clients/drivers/bedrock.ts'
import { BEDROCK_STREAM, wireFrames } from '../../../support/bedrock.ts'
import { ID, MESSAGE, refusalOf } from '../refused.ts'

const FORMATS: ReadonlyMap<string, LlmFormat> = new Map(
  [
    bedrockConverse,
    bedrockConverseStream,
    bedrockInvoke(anthropicMessages),
    bedrockInvokeStream(anthropicMessages),
  ].map(format => [format.name, format]),
)

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** Answers every request with these bytes, each chunk written by itself. */
async function serve(
  chunks: readonly (Uint8Array | string)[],
  headers: Record<string, string>,
  status = 200,
): Promise<{ readonly origin: string; readonly paths: string[] }> {
  const paths: string[] = []
  const server = createServer((incoming, outgoing) => {
    paths.push(incoming.url ?? '')
    incoming.resume().on('end', () => {
      outgoing.writeHead(status, headers)
      for (const chunk of chunks) outgoing.write(chunk)
      outgoing.end()
    })
  })
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, paths }
}

const serveReply = (reply: ReplyBody | undefined, status = 200) => {
  if (reply === undefined) throw new Error('no reply')
  return serve([reply.body], { ...reply.headers, 'content-type': reply.contentType }, status)
}
const clientAt = (origin: string) =>
  new BedrockRuntimeClient({
    endpoint: origin,
    region: 'us-east-1',
    credentials: { accessKeyId: 'k', secretAccessKey: 's' },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler(),
  })
const params = { modelId: 'm', messages: [{ role: 'user' as const, content: [{ text: 'x' }] }] }

describe.each(drivers)('$name', driver => {
  const format = FORMATS.get(driver.format)!
  const shape = driver.streams ? 'event-stream' : 'json'
  const finish = driver.denied.kind === 'answer' ? driver.denied.finish : undefined

  test('its answer, and every text of it in the format', async () => {
    const { contentType, chunks } = driver.answer(['The river', ' is cold'])
    const { origin, paths } = await serve(chunks, { 'content-type': contentType })
    const shown = { kind: 'answer', text: 'The river is cold', finish: 'end_turn' }
    expect(await driver.ask(origin, 'x')).toEqual(shown)
    expect(paths).toEqual([driver.request('x').path])
    const bytes = Buffer.concat(chunks.map(chunk => Buffer.from(chunk)))
    const decoded = format.decodeResponse(bytes)
    const texts = driver.streams
      ? format
          .openStream()
          .push(bytes)
          .flatMap(({ parts }) => parts)
      : decoded.kind === 'ok' && decoded.value.segments
    expect(JSON.stringify(texts)).toContain('The river')
  })

  test('its request', () => {
    const { path, body } = driver.request('hello')
    const place = { path: decodeURIComponent(path), query: '' }
    expect(format.decodeRequest(Buffer.from(body), place)).toMatchObject({
      kind: 'ok',
      value: {
        model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
        streams: driver.streams,
        segments: [{ role: 'user', text: 'hello' }],
      },
    })
  })

  test.each([
    ['auto', finish],
    ['content_filter', finish],
    ['stop', 'end_turn'],
  ] as const)('a refusal, finish reason %s', async (finishReason, shownFinish) => {
    const { origin, paths } = await serveReply(format.refusal(refusalOf({ finishReason }), shape))
    expect(await driver.ask(origin, 'x')).toEqual({ kind: 'answer', text: MESSAGE, finish: shownFinish })
    expect(paths).toHaveLength(1)
  })

  test('an error', async () => {
    const error = { status: 403, message: MESSAGE, code: 'content_filter' } as const
    const { origin, paths } = await serveReply(format.error(error, { id: ID, request: undefined }), 403)
    expect(await driver.ask(origin, 'x')).toEqual({ kind: 'error', status: 403, message: MESSAGE })
    expect(paths).toHaveLength(1)
  })
})

describe.each(drivers.filter(({ streams }) => streams))('$name, refused in its middle', driver => {
  const format = FORMATS.get(driver.format)!
  const finish = driver.denied.kind === 'answer' ? driver.denied.finish : undefined

  test.each(['auto', 'stop'] as const)('after each of its frames, finish reason %s', async finishReason => {
    const { chunks } = driver.answer(['The river', ' is cold'])
    const frames = format.openStream().push(Buffer.concat(chunks.map(chunk => Buffer.from(chunk))))
    for (let count = 0; count <= frames.length; count++) {
      const at = format.openPosition()
      const released = frames.slice(0, count)
      for (const frame of released) at.released(frame)
      const rest = format.streamRefusal(refusalOf({ finishReason }), at)
      const { origin } = await serve([...released.map(({ bytes }) => bytes), rest], {
        'content-type': BEDROCK_STREAM,
      })
      const said = released
        .flatMap(({ parts }) => parts)
        .map(part => (part.kind === 'text-delta' ? part.text : ''))
        .join('')
      const isOver = released.some(({ parts }) =>
        parts.some(
          ({ kind }) => kind === 'finish' && parts.some(p => p.kind === 'finish' && p.block === undefined),
        ),
      )
      expect(await driver.ask(origin, 'x')).toEqual({
        kind: 'answer',
        text: isOver ? said : `${said}${said === '' ? '' : '\n\n'}${MESSAGE}`,
        finish: isOver || finishReason === 'stop' ? 'end_turn' : finish,
      })
    }
  })
})

/** The events that the client sees of these bytes. */
async function eventsOf(...chunks: readonly Uint8Array[]): Promise<readonly ConverseStreamOutput[]> {
  const { origin } = await serve(chunks, { 'content-type': BEDROCK_STREAM })
  const { stream } = await clientAt(origin).send(new ConverseStreamCommand(params))
  const events: ConverseStreamOutput[] = []
  for await (const event of stream ?? []) events.push(event)
  return events
}

describe('Converse', () => {
  test.each([
    ['an open tool call', 5, ['Let me look.', `\n\n${MESSAGE}`]],
    ['a tool call that is complete', 7, ['Let me look.', `\n\n${MESSAGE}`]],
  ])('a refusal behind %s', async (_, count, texts) => {
    const at = bedrockConverseStream.openPosition()
    const released = wireFrames('converse-tools.jsonl').slice(0, count)
    for (const frame of bedrockConverseStream.openStream().push(Buffer.concat(released))) at.released(frame)
    const events = await eventsOf(...released, bedrockConverseStream.streamRefusal(refusalOf(), at))
    expect(events.flatMap(event => event.contentBlockDelta?.delta?.text ?? [])).toEqual(texts)
    const indexes = (kind: 'contentBlockDelta' | 'contentBlockStop') =>
      new Set(events.flatMap(event => event[kind]?.contentBlockIndex ?? []))
    expect(indexes('contentBlockStop')).toEqual(indexes('contentBlockDelta'))
    expect(events.at(-2)?.messageStop?.stopReason).toBe('guardrail_intervened')
    expect(events.at(-1)?.metadata?.usage?.totalTokens).toBe(0)
  })

  test('a redacted stream is read like any other', async () => {
    const frames = bedrockConverseStream.openStream().push(Buffer.concat(wireFrames('converse-text.jsonl')))
    const bytes = frames.map(frame => {
      const edits = frame.parts.flatMap(part =>
        part.kind === 'text-delta' ? [{ path: part.path, text: `[${part.text.length}🥶]` }] : [],
      )
      return bedrockConverseStream.rewriteFrame(frame, edits).bytes
    })
    const events = await eventsOf(...bytes)
    expect(events.map(event => event.contentBlockDelta?.delta?.text ?? '').join('')).toBe('[10🥶][16🥶]')
    expect(events).toHaveLength(6)
  })

  test('the exception of an upstream reaches the client', async () => {
    const frames = bedrockConverseStream
      .openStream()
      .push(Buffer.concat(wireFrames('converse-exception.jsonl')))
    await expect(eventsOf(...frames.map(({ bytes }) => bytes))).rejects.toBeInstanceOf(ThrottlingException)
  })

  test.each([
    [400, ValidationException],
    [403, AccessDeniedException],
    [413, ValidationException],
    [500, InternalServerException],
  ])('an error %i', async (status, type) => {
    const error = { status, message: MESSAGE, code: 'content_filter' } as const
    const reply = bedrockConverse.error(error, { id: ID, request: undefined })
    for (const command of [new ConverseCommand(params), new ConverseStreamCommand(params)]) {
      const { origin } = await serveReply(reply, status)
      const raised = await clientAt(origin)
        .send(command as ConverseCommand)
        .catch((thrown: unknown) => thrown)
      expect(raised).toBeInstanceOf(type)
      expect(raised).toMatchObject({
        message: MESSAGE,
        $metadata: { httpStatusCode: status, requestId: '01234567-89ab-cdef-0123-456789abcdef' },
      })
    }
  })
})
