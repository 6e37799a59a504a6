import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { LlmRequest, Refusal } from '../../../../src/llm/format.ts'
import { mcp } from '../../../../src/llm/mcp/index.ts'

function requestOf(body: unknown): LlmRequest {
  const decoded = mcp.decodeRequest(new TextEncoder().encode(JSON.stringify(body)))
  if (decoded.kind !== 'ok') throw new Error(decoded.reason)
  return decoded.value
}

const call = (id: unknown, params: object = { name: 'f' }) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params,
})
const prompt = (id: unknown) => ({ jsonrpc: '2.0', id, method: 'prompts/get', params: { name: 'p' } })
const versioned = { name: 'f', _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }
const notification = { jsonrpc: '2.0', method: 'notifications/progress', params: { message: 'x' } }
const clientAnswer = {
  jsonrpc: '2.0',
  id: 3,
  result: { role: 'assistant', content: { type: 'text', text: 'x' } },
}

const message = 'Request blocked by policy'
const refusal = (body: unknown, changes: Partial<Refusal> = {}): Refusal => ({
  message,
  id: '0123456789abcdef0123456789abcdef',
  createdSec: 1_760_000_000,
  finishReason: 'auto',
  request: body === undefined ? undefined : requestOf(body),
  ...changes,
})

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const json = (given: Refusal) => JSON.parse(text(mcp.refusal(given, 'json')?.body ?? new Uint8Array(0)))

/** The messages of a stream; each must be an event of the usual name. */
function messages(bytes: Uint8Array) {
  const all = text(bytes).split('\n\n')
  expect(all.pop()).toBe('')
  return all.map(event => {
    const [name, data, ...more] = event.split('\n')
    expect([name, more]).toEqual(['event: message', []])
    expect(data?.startsWith('data: ')).toBe(true)
    return JSON.parse(data!.slice('data: '.length))
  })
}

const toolRefusal = (id: unknown) => ({
  jsonrpc: '2.0',
  id,
  result: { content: [{ type: 'text', text: message }], isError: true },
})
const errorRefusal = (id: unknown) => ({
  jsonrpc: '2.0',
  id,
  error: { code: -32010, message, data: { reason: 'content_filter' } },
})

describe('nothing sent yet', () => {
  test.each([
    ['a tool call', call(7), toolRefusal(7)],
    ['a tool call with an id of its own', call('a"\n'), toolRefusal('a"\n')],
    ['any other request', prompt(0), errorRefusal(0)],
    ['a call that runs as a task', call(1, { name: 'f', task: {} }), errorRefusal(1)],
    [
      'a call in the version that types its results',
      call(1, versioned),
      { ...toolRefusal(1), result: { ...toolRefusal(1).result, resultType: 'complete' } },
    ],
  ])('%s', (_, body, expected) => {
    expect(mcp.refusal(refusal(body), 'json')?.contentType).toBe('application/json')
    expect(json(refusal(body))).toEqual(expected)
    expect(mcp.refusal(refusal(body), 'event-stream')?.contentType).toBe('text/event-stream')
    expect(messages(mcp.refusal(refusal(body), 'event-stream')!.body)).toEqual([expected])
  })

  test('an array: every message that wants an answer gets its own', () => {
    const body = [call('a'), notification, prompt(5), clientAnswer]
    const expected = [toolRefusal('a'), errorRefusal(5)]
    expect(json(refusal(body))).toEqual(expected)
    expect(messages(mcp.refusal(refusal(body), 'event-stream')!.body)).toEqual(expected)
  })

  test('an array of one is answered by an array', () => {
    expect(json(refusal([call(1)]))).toEqual([toolRefusal(1)])
  })

  test.each(['content_filter', 'stop'] as const)('finish reason %s: an error all the same', finishReason => {
    expect(json(refusal(call(1), { finishReason })).result.isError).toBe(true)
  })

  test.each([
    ['a notification', notification],
    ['an answer of the client', clientAnswer],
    ['a request that was never seen', undefined],
  ])('%s has no answer: an error says it', (_, body) => {
    expect(mcp.refusal(refusal(body), 'json')).toBeUndefined()
    expect(mcp.refusal(refusal(body), 'event-stream')).toBeUndefined()
  })
})

describe('going on with a stream', () => {
  const fixture = (name: string) =>
    mcp.openStream().push(readFileSync(new URL(`../../../fixtures/mcp/${name}`, import.meta.url)))
  const positionAfter = (name: string, frameCount: number) => {
    const at = mcp.openPosition()
    for (const frame of fixture(name).slice(0, frameCount)) at.released(frame)
    return at
  }

  test.each([
    ['nothing released', 'tools-call.sse', call(7), 0, [toolRefusal(7)]],
    ['news released', 'tools-call.sse', call(7), 3, [toolRefusal(7)]],
    ['the answer released', 'tools-call.sse', call(7), 4, []],
    ['the answer to another id', 'tools-call.sse', call('7'), 4, [toolRefusal('7')]],
    [
      'what the server asks is no answer, whatever its id',
      'server-requests.sse',
      call(0),
      3,
      [toolRefusal(0)],
    ],
    ['one of two is answered', 'tools-call.sse', [call(7), prompt(8)], 4, [errorRefusal(8)]],
    ['both are, by a result and an error', 'batch.sse', [call('a'), prompt(5)], 1, []],
    ['the request was never seen', 'tools-call.sse', undefined, 3, [errorRefusal(null)]],
  ])('%s', (_, name, body, count, expected) => {
    expect(messages(mcp.streamRefusal(refusal(body), positionAfter(name, count)))).toEqual(expected)
  })

  test('a frame that was changed on the way is read again', () => {
    const at = mcp.openPosition()
    for (const { bytes, parts } of fixture('tools-call.sse')) at.released({ bytes, parts })
    expect(mcp.streamRefusal(refusal(call(7)), at)).toEqual(new Uint8Array(0))
  })

  test('a redacted answer is an answer', () => {
    const at = mcp.openPosition()
    const path = ['result', 'structuredContent', 'phone']
    at.released(mcp.rewriteFrame(fixture('tools-call.sse')[3]!, [{ path, text: 'x' }]))
    expect(mcp.streamRefusal(refusal(call(7)), at)).toEqual(new Uint8Array(0))
  })

  test('a server that answers what nobody asked does not fill the memory', () => {
    const at = mcp.openPosition()
    const stream = mcp.openStream()
    for (let id = 0; id < 1500; id++) {
      for (const frame of stream.push(new TextEncoder().encode(`data: {"id":${id},"result":{}}\n\n`)))
        at.released(frame)
    }
    expect(messages(mcp.streamRefusal(refusal(call(999)), at))).toEqual([])
    expect(messages(mcp.streamRefusal(refusal(call(1000)), at))).toEqual([toolRefusal(1000)])
  })

  test('a position of another format is a bug', () => {
    expect(() => mcp.streamRefusal(refusal(call(1)), { released: () => {} })).toThrow('another format')
  })
})

describe('errors', () => {
  const error = (status: number, code: Parameters<typeof mcp.error>[0]['code'], body: unknown) =>
    mcp.error({ status, code, message: 'No "way"' }, { id: '0', request: refusal(body).request })

  test.each([
    [403, 'content_filter', -32010],
    [400, 'invalid_request', -32600],
    [500, 'unsupported', -32011],
    [503, 'unavailable', -32012],
    [500, 'internal', -32603],
  ] as const)('%s %s: by status 200, since clients look for no answer elsewhere', (status, code, rpcCode) => {
    const reply = error(status, code, call(7))
    expect(reply).toMatchObject({ contentType: 'application/json', status: 200 })
    expect(JSON.parse(text(reply.body))).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: { code: rpcCode, message: 'No "way"', data: { reason: code, status } },
    })
  })

  test('every message of an array', () => {
    const reply = error(403, 'content_filter', [call('a'), notification, prompt(5)])
    expect(JSON.parse(text(reply.body))).toMatchObject([{ id: 'a' }, { id: 5 }])
  })

  test.each([
    ['a notification', notification],
    ['a request that could not be read', undefined],
  ])('%s: by its own status, since nobody waits for an id', (_, body) => {
    const reply = error(413, 'invalid_request', body)
    expect(reply.status).toBeUndefined()
    expect(JSON.parse(text(reply.body))).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32600 } })
  })
})
