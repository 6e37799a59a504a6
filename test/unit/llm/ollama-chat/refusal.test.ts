import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Refusal } from '../../../../src/llm/format.ts'
import { ollamaChat } from '../../../../src/llm/ollama-chat/index.ts'
import { toRfc3339 } from '../../../../src/llm/ollama-refusal.ts'
import { asked, MESSAGE, refusalOf } from '../refused.ts'

const request = asked({ model: 'llama3.2', streams: true })
const refusal = (changes: Partial<Refusal> = {}): Refusal => refusalOf({ request, ...changes })

/** The lines' values; every line must have its end. */
function lines(bytes: Uint8Array) {
  const all = new TextDecoder().decode(bytes).split('\n')
  if (bytes.length > 0) expect(all.at(-1)).toBe('')
  return all.filter(line => line !== '').map(line => JSON.parse(line))
}

function positionAfter(name: string, count: number) {
  const at = ollamaChat.openPosition()
  const bytes = readFileSync(new URL(`../../../fixtures/ollama/${name}`, import.meta.url))
  for (const frame of ollamaChat.openStream().push(bytes).slice(0, count)) at.released(frame)
  return at
}

const metrics = {
  total_duration: 0,
  load_duration: 0,
  prompt_eval_count: 0,
  prompt_eval_duration: 0,
  eval_count: 0,
  eval_duration: 0,
}

test('the whole answer', () => {
  const reply = ollamaChat.refusal(refusal(), 'json')
  expect(reply.contentType).toBe('application/json')
  expect(lines(new Uint8Array([...reply.body, 10]))).toEqual([
    {
      model: 'llama3.2',
      created_at: '2025-10-09T08:53:20Z',
      message: { role: 'assistant', content: MESSAGE },
      done: true,
      done_reason: 'stop',
      ...metrics,
    },
  ])
})

describe('a stream', () => {
  test('nothing sent yet', () => {
    const reply = ollamaChat.refusal(refusal(), 'event-stream')
    const head = { model: 'llama3.2', created_at: '2025-10-09T08:53:20Z' }
    const said = (content: string) => ({ message: { role: 'assistant', content } })
    expect(reply.contentType).toBe('application/x-ndjson')
    expect(lines(reply.body)).toEqual([
      { ...head, ...said(MESSAGE), done: false },
      { ...head, ...said(''), done: true, done_reason: 'stop', ...metrics },
    ])
  })

  test.each([
    ['nothing', 'chat-text.ndjson', 0, MESSAGE],
    ['text', 'chat-text.ndjson', 1, `\n\n${MESSAGE}`],
    ['thinking', 'chat-thinking.ndjson', 2, MESSAGE],
    ['tool calls', 'chat-tool-calls.ndjson', 1, MESSAGE],
    ['tokens of a text to come', 'chat-logprobs.ndjson', 1, MESSAGE],
    ['an error', 'chat-error.ndjson', 2, `\n\n${MESSAGE}`],
  ])('%s is out', (_, name, count, content) => {
    const rest = lines(ollamaChat.streamRefusal(refusal(), positionAfter(name, count)))
    expect(rest).toMatchObject([
      { message: { content }, done: false },
      { message: { content: '' }, done: true, done_reason: 'stop' },
    ])
  })

  test('goes on with the model and the time that the client saw', () => {
    const rest = lines(
      ollamaChat.streamRefusal(refusal({ request: undefined }), positionAfter('chat-text.ndjson', 1)),
    )
    const seen = { model: 'llama3.2', created_at: '2025-10-17T23:14:07.414671Z' }
    expect(rest).toMatchObject([seen, seen])
  })

  test('says nothing before what the client saw last', () => {
    const at = ollamaChat.openPosition()
    const line = (second: number) =>
      `{"model":"m","created_at":"2025-10-17T23:14:0${second}Z","message":{"content":"x"},"done":false}\n`
    for (const frame of ollamaChat.openStream().push(Buffer.from(line(1) + line(7)))) at.released(frame)
    const latest = { created_at: '2025-10-17T23:14:07Z' }
    expect(lines(ollamaChat.streamRefusal(refusal(), at))).toMatchObject([latest, latest])
  })

  test('after the last line nothing', () => {
    const at = positionAfter('chat-text.ndjson', 4)
    expect(ollamaChat.streamRefusal(refusal(), at)).toEqual(new Uint8Array(0))
  })

  test('a request that was never seen', () => {
    const [line] = lines(ollamaChat.refusal(refusal({ request: undefined }), 'event-stream').body)
    expect(line).toMatchObject({ model: 'unknown' })
  })

  test('a message of any characters stays on one line', () => {
    const odd = 'a\n{"done":true}\r\n"\u2028\u0085😀'
    const { body } = ollamaChat.refusal(refusal({ message: odd }), 'event-stream')
    expect(lines(body)[0]).toMatchObject({ message: { content: odd } })
    expect(new TextDecoder().decode(body)).not.toMatch(/[\u2028\u0085]/)
  })

  test('a frame that was changed on the way is read again', () => {
    const bytes = readFileSync(new URL('../../../fixtures/ollama/chat-text.ndjson', import.meta.url))
    const at = ollamaChat.openPosition()
    const [first] = ollamaChat.openStream().push(bytes)
    at.released({ bytes: first!.bytes, parts: first!.parts })
    expect(ollamaChat.streamRefusal(refusal(), at)).toEqual(
      ollamaChat.streamRefusal(refusal(), positionAfter('chat-text.ndjson', 1)),
    )
  })

  test('a position of another format is a bug', () => {
    expect(() => ollamaChat.streamRefusal(refusal(), { released: () => {} })).toThrow('another format')
  })
})

test.each([
  ['auto', 'stop'],
  ['stop', 'stop'],
  ['content_filter', 'content_filter'],
] as const)('finish_reason %s is done_reason %s', (finishReason, reason) => {
  const { body } = ollamaChat.refusal(refusal({ finishReason }), 'event-stream')
  expect(lines(body)[1]).toMatchObject({ done_reason: reason })
})

test('an error', () => {
  const reply = ollamaChat.error({ status: 403, message: 'No "way"', code: 'content_filter' })
  expect(reply.contentType).toBe('application/json')
  expect(new TextDecoder().decode(reply.body)).toBe('{"error":"No \\"way\\""}')
})

test('a heartbeat is one line that is read as no text, and has a time that is one', () => {
  expect(lines(ollamaChat.heartbeat!)).toEqual([
    {
      model: '',
      created_at: '1970-01-01T00:00:00Z',
      message: { role: 'assistant', content: '' },
      done: false,
    },
  ])
  const stream = ollamaChat.openStream()
  expect(stream.push(ollamaChat.heartbeat!)).toMatchObject([{ parts: [] }])
  expect(stream.buffered).toBe(0)
})

test.each([
  0, 951_782_399, 951_782_400, 1_709_164_800, 1_735_689_599, 1_760_000_000, 4_107_542_399, 4_107_542_400,
  253_402_300_799, -1,
])('Unix time %i', sec => {
  expect(toRfc3339(sec)).toBe(new Date(sec * 1000).toISOString().replace('.000Z', 'Z'))
})
