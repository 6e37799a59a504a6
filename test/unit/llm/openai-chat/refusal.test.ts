import { readFileSync } from 'node:fs'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import type { Refusal } from '../../../../src/llm/format.ts'
import { openaiChat } from '../../../../src/llm/openai-chat/index.ts'
import { asked, refusalOf } from '../refused.ts'

const request = asked({ model: 'gpt-4o', streams: true })

const refusal = (changes: Partial<Refusal> = {}): Refusal => refusalOf({ request, ...changes })

const structured = refusal({ request: { ...request, structuredOutput: true } })
const two = refusal({ request: { ...request, choices: 2 } })
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const json = (given: Refusal) => JSON.parse(text(openaiChat.refusal(given, 'json').body))
const readFixture = (name: string) =>
  readFileSync(new URL(`../../../fixtures/openai-chat/${name}`, import.meta.url))

/** The data of each event; every event must end with its blank line. */
function events(bytes: Uint8Array) {
  const all = text(bytes).split('\n\n')
  expect(all.pop()).toBe('')
  return all.map(event => {
    expect(event.startsWith('data: ')).toBe(true)
    return event === 'data: [DONE]' ? '[DONE]' : JSON.parse(event.slice('data: '.length))
  })
}

/** A position after the first frames of a recorded stream. */
function positionAfter(name: string, frameCount: number) {
  const at = openaiChat.openPosition()
  const frames = openaiChat.openStream().push(readFixture(name))
  for (const frame of frames.slice(0, frameCount)) at.released(frame)
  return { at, released: Buffer.concat(frames.slice(0, frameCount).map(frame => frame.bytes)) }
}

/** What each choice still gets: `[index, delta, finish_reason]`. */
const rest = (given: Refusal, name: string, frameCount: number) =>
  events(openaiChat.streamRefusal(given, positionAfter(name, frameCount).at)).map(event =>
    event === '[DONE]'
      ? event
      : event.choices.flatMap((choice: Record<string, unknown>) => [
          choice.index,
          choice.delta,
          choice.finish_reason,
        ]),
  )

describe('JSON', () => {
  test('the whole answer', () => {
    expect(openaiChat.refusal(refusal(), 'json').contentType).toBe('application/json')
    expect(json(refusal())).toEqual({
      id: 'chatcmpl-0123456789abcdef0123456789abcdef',
      object: 'chat.completion',
      created: 1_760_000_000,
      model: 'gpt-4o',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Request blocked by policy', refusal: null },
          logprobs: null,
          finish_reason: 'content_filter',
        },
      ],
      usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
    })
  })

  test('every choice asked for', () => {
    expect(json(two).choices.map((choice: { index: number }) => choice.index)).toEqual([0, 1])
  })

  test('a request that was never seen', () => {
    expect(json(refusal({ request: undefined }))).toMatchObject({ model: 'unknown', choices: [{ index: 0 }] })
  })

  const message = 'Request blocked by policy'
  test.each([
    ['auto', false, { content: message, refusal: null }, 'content_filter'],
    ['auto', true, { content: null, refusal: message }, 'stop'],
    ['content_filter', true, { content: message, refusal: null }, 'content_filter'],
    ['stop', true, { content: message, refusal: null }, 'stop'],
    ['stop', false, { content: message, refusal: null }, 'stop'],
  ] as const)('finish_reason %s, structured output %s', (finishReason, structuredOutput, said, reason) => {
    const given = refusal({ finishReason, request: { ...request, structuredOutput } })
    expect(json(given).choices).toMatchObject([{ message: said, finish_reason: reason }])
  })
})

describe('event stream, nothing sent yet', () => {
  test('the whole sequence', () => {
    const reply = openaiChat.refusal(refusal(), 'event-stream')
    const head = {
      id: 'chatcmpl-0123456789abcdef0123456789abcdef',
      object: 'chat.completion.chunk',
      created: 1_760_000_000,
      model: 'gpt-4o',
    }
    const choice = (delta: object, reason: string | null) => ({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
    })
    expect(reply.contentType).toBe('text/event-stream')
    expect(events(reply.body)).toEqual([
      choice({ role: 'assistant', content: '' }, null),
      choice({ content: 'Request blocked by policy' }, null),
      choice({}, 'content_filter'),
      '[DONE]',
    ])
  })

  test('a usage chunk only when asked for, before the terminator', () => {
    const given = refusal({ request: { ...request, streamUsage: true } })
    expect(events(openaiChat.refusal(given, 'event-stream').body).slice(-2)).toMatchObject([
      { choices: [], usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } },
      '[DONE]',
    ])
  })

  test('structured output: the content is null, not empty', () => {
    const deltas = events(openaiChat.refusal(structured, 'event-stream').body).map(
      event => event.choices?.[0].delta,
    )
    const message = 'Request blocked by policy'
    expect(deltas).toEqual([{ role: 'assistant', content: null }, { refusal: message }, {}, undefined])
  })

  test('a message of any characters stays one event', () => {
    const message = 'a\n\ndata: [DONE]\r\n"\u2028😀'
    const all = events(openaiChat.refusal(refusal({ message }), 'event-stream').body)
    expect(all[1].choices[0].delta.content).toBe(message)
  })
})

describe('event stream, going on', () => {
  const message = 'Request blocked by policy'

  test('with the id, the time and the model that the client saw', () => {
    const { at } = positionAfter('text.sse', 2)
    expect(events(openaiChat.streamRefusal(refusal(), at))[0]).toMatchObject({
      id: 'chatcmpl-BwQ1r7Zc4mT9',
      created: 1_754_300_000,
      model: 'gpt-4o-2024-08-06',
    })
  })

  test.each([
    [
      'nothing released',
      'text.sse',
      0,
      [
        [0, { role: 'assistant', content: '' }, null],
        [0, { content: message }, null],
        [0, {}, 'content_filter'],
        '[DONE]',
      ],
    ],
    [
      'the role is out',
      'text.sse',
      1,
      [[0, { content: message }, null], [0, {}, 'content_filter'], '[DONE]'],
    ],
    [
      'text is out',
      'text.sse',
      3,
      [[0, { content: `\n\n${message}` }, null], [0, {}, 'content_filter'], '[DONE]'],
    ],
    ['the choice is finished', 'text.sse', 9, ['[DONE]']],
    [
      'a tool call is open',
      'tool-calls.sse',
      3,
      [[0, { content: message }, null], [0, {}, 'content_filter'], '[DONE]'],
    ],
    [
      'reasoning is out',
      'reasoning.sse',
      3,
      [[0, { content: message }, null], [0, {}, 'content_filter'], '[DONE]'],
    ],
  ])('%s', (_, name, count, expected) => {
    expect(rest(refusal(), name, count)).toEqual(expected)
  })

  test('a first chunk of Azure without id, model and time is no start', () => {
    const { at } = positionAfter('azure.sse', 1)
    expect(openaiChat.streamRefusal(refusal(), at)).toEqual(
      openaiChat.refusal(refusal(), 'event-stream').body,
    )
  })

  test('after the terminator nothing', () => {
    expect(openaiChat.streamRefusal(refusal(), positionAfter('text.sse', 11).at)).toEqual(new Uint8Array(0))
  })

  test('each of two choices as it stands', () => {
    const refused = (index: number, content: string) => [
      [index, { content }, null],
      [index, {}, 'content_filter'],
    ]
    const opened = (index: number) => [index, { role: 'assistant', content: '' }, null]
    expect(rest(two, 'two-choices.sse', 2)).toEqual([
      ...refused(0, `\n\n${message}`),
      opened(1),
      ...refused(1, message),
      '[DONE]',
    ])
    expect(rest(two, 'two-choices.sse', 7)).toEqual([...refused(1, `\n\n${message}`), '[DONE]'])
  })

  test('a choice beyond those asked for is finished as well', () => {
    expect(rest(refusal(), 'two-choices.sse', 6).filter(event => event[2] === 'content_filter')).toHaveLength(
      2,
    )
  })

  test('choices beyond those asked for are finished in their order', () => {
    const at = openaiChat.openPosition()
    for (const index of [2, 1]) {
      const chunk = `data: {"choices":[{"index":${index},"delta":{"role":"assistant","content":"x"}}]}\n\n`
      for (const frame of openaiChat.openStream().push(Buffer.from(chunk))) at.released(frame)
    }
    const finished = events(openaiChat.streamRefusal(refusal(), at)).flatMap(event =>
      event === '[DONE]' || event.choices[0].finish_reason === null ? [] : [event.choices[0].index],
    )
    expect(finished).toEqual([0, 1, 2])
  })

  test('structured output', () => {
    expect(rest(structured, 'text.sse', 3)).toEqual([
      [0, { refusal: message }, null],
      [0, {}, 'stop'],
      '[DONE]',
    ])
  })

  test('usage that is already out is not sent again', () => {
    const given = refusal({ request: { ...request, streamUsage: true } })
    expect(rest(given, 'text.sse', 3).slice(-2)).toEqual([[], '[DONE]'])
    expect(rest(given, 'text.sse', 10)).toEqual(['[DONE]'])
  })

  test('a frame that was changed on the way is read again', () => {
    const { at } = positionAfter('text.sse', 0)
    for (const { bytes, parts } of openaiChat.openStream().push(readFixture('text.sse')).slice(0, 2)) {
      at.released({ bytes, parts })
    }
    expect(openaiChat.streamRefusal(refusal(), at)).toEqual(
      openaiChat.streamRefusal(refusal(), positionAfter('text.sse', 2).at),
    )
  })

  test('a position of another format is a bug', () => {
    expect(() => openaiChat.streamRefusal(refusal(), { released: () => {} })).toThrow('another format')
  })
})

describe('errors', () => {
  test.each([
    [403, 'content_filter', 'invalid_request_error'],
    [400, 'invalid_request', 'invalid_request_error'],
    [500, 'internal', 'server_error'],
  ] as const)('%s %s', (status, code, type) => {
    const reply = openaiChat.error({ status, code, message: 'No "way"' })
    expect(reply.contentType).toBe('application/json')
    expect(JSON.parse(text(reply.body))).toEqual({ error: { message: 'No "way"', type, param: null, code } })
  })
})

describe('the official client', () => {
  /** The client of the SDK on an upstream that answers with these bytes. */
  function clientOf(body: Uint8Array, contentType: string, status = 200) {
    const answer = () => new Response(Buffer.from(body), { status, headers: { 'content-type': contentType } })
    return new OpenAI({ apiKey: 'none', maxRetries: 0, fetch: async () => answer() })
  }
  const params = { model: 'gpt-4o', messages: [{ role: 'user' as const, content: 'x' }] }
  const message = 'Request blocked by policy'

  test('reads the JSON refusal', async () => {
    const { body, contentType } = openaiChat.refusal(refusal(), 'json')
    const completion = await clientOf(body, contentType).chat.completions.create(params)
    expect(completion.choices[0]?.message.content).toBe(message)
  })

  test.each([
    ['content', refusal({ finishReason: 'stop' }), message],
    ['two choices', two, message],
    ['refusal', structured, null],
    ['usage', refusal({ request: { ...request, streamUsage: true } }), message],
  ])('assembles the whole sequence: %s', async (_, given, content) => {
    const { body, contentType } = openaiChat.refusal(given, 'event-stream')
    const completion = await clientOf(body, contentType).chat.completions.stream(params).finalChatCompletion()
    expect(completion.choices).toHaveLength(given.request?.choices ?? 1)
    for (const choice of completion.choices) {
      expect(choice.message).toMatchObject(content === null ? { content, refusal: message } : { content })
    }
  })

  test.each([
    ['text.sse', 3, `The river\n\n${message}`],
    ['azure.sse', 1, message],
    ['azure.sse', 3, `Guten Tag\n\n${message}`],
    ['tool-calls.sse', 3, message],
    ['crlf-comments.sse', 2, message],
    ['crlf-comments.sse', 4, `Hi\n\n${message}`],
  ])('assembles %s, refused after %i frames', async (name, count, content) => {
    const { at, released } = positionAfter(name, count)
    const body = Buffer.concat([released, openaiChat.heartbeat!, openaiChat.streamRefusal(refusal(), at)])
    const stream = clientOf(body, 'text/event-stream').chat.completions.stream(params)
    const completion = await stream.finalChatCompletion()
    expect(completion.choices[0]).toMatchObject({ message: { content }, finish_reason: 'content_filter' })
  })

  test('raises the error', async () => {
    const { body, contentType } = openaiChat.error({ status: 403, message, code: 'content_filter' })
    const call = clientOf(body, contentType, 403).chat.completions.create(params)
    await expect(call).rejects.toMatchObject({
      status: 403,
      code: 'content_filter',
      type: 'invalid_request_error',
    })
  })
})
