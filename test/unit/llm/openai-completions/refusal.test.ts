import { describe, expect, test } from 'vitest'
import { openaiCompletions } from '../../../../src/llm/openai-completions/index.ts'
import {
  asked,
  bytesOf,
  eventsOf,
  framesOf,
  ID,
  MESSAGE,
  positionAfter,
  readFixture,
  refusal,
  textOf,
} from '../openai-given.ts'

const fixture = (name: string) => readFixture(`openai-completions/${name}`)
const two = refusal({ request: asked({ choices: 2 }) })
const withUsage = refusal({ request: asked({ streamUsage: true }) })
const head = { id: `cmpl-${ID}`, object: 'text_completion', created: 1_760_000_000, model: 'gpt-test' }
const choice = (index: number, text: string, reason: string | null) => ({
  text,
  index,
  logprobs: null,
  finish_reason: reason,
})
const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }

/** The choices of what follows the first frames of a recorded stream. */
const rest = (given: typeof two, name: string, count: number) =>
  eventsOf(
    openaiCompletions.streamRefusal(given, positionAfter(openaiCompletions, fixture(name), count).at),
  ).map(event => (event === '[DONE]' ? event : event.choices[0]))

test('a whole answer', () => {
  const reply = openaiCompletions.refusal(refusal(), 'json')
  expect(reply.contentType).toBe('application/json')
  expect(JSON.parse(textOf(reply.body))).toEqual({
    ...head,
    choices: [choice(0, MESSAGE, 'content_filter')],
    usage,
  })
})

test.each([
  ['auto', 'content_filter'],
  ['content_filter', 'content_filter'],
  ['stop', 'stop'],
] as const)('finish reason %s is %s', (finishReason, reason) => {
  const given = refusal({ finishReason })
  const whole = JSON.parse(textOf(openaiCompletions.refusal(given, 'json').body))
  expect(whole.choices[0].finish_reason).toBe(reason)
  expect(eventsOf(openaiCompletions.refusal(given, 'event-stream').body)[1].choices[0].finish_reason).toBe(
    reason,
  )
})

test('every choice asked for, and a request never seen', () => {
  expect(JSON.parse(textOf(openaiCompletions.refusal(two, 'json').body)).choices).toEqual([
    choice(0, MESSAGE, 'content_filter'),
    choice(1, MESSAGE, 'content_filter'),
  ])
  const unseen = openaiCompletions.refusal(refusal({ request: undefined }), 'json')
  expect(JSON.parse(textOf(unseen.body))).toMatchObject({ model: 'unknown', choices: [{ index: 0 }] })
})

test('a whole event stream', () => {
  const reply = openaiCompletions.refusal(refusal(), 'event-stream')
  expect(reply.contentType).toBe('text/event-stream')
  expect(eventsOf(reply.body)).toEqual([
    { ...head, choices: [choice(0, MESSAGE, null)] },
    { ...head, choices: [choice(0, '', 'content_filter')] },
    '[DONE]',
  ])
  expect(eventsOf(openaiCompletions.refusal(withUsage, 'event-stream').body).at(-2)).toEqual({
    ...head,
    choices: [],
    usage,
  })
})

describe('going on', () => {
  const refused = (index: number, text: string) => [
    choice(index, text, null),
    choice(index, '', 'content_filter'),
  ]

  test.each([
    ['nothing released', refusal(), 'text.sse', 0, [...refused(0, MESSAGE), '[DONE]']],
    ['text released', refusal(), 'text.sse', 1, [...refused(0, `\n\n${MESSAGE}`), '[DONE]']],
    ['the choice finished', refusal(), 'text.sse', 5, ['[DONE]']],
    ['one of two open', two, 'two-prompts.sse', 4, [...refused(1, `\n\n${MESSAGE}`), '[DONE]']],
    [
      'one of two never begun',
      two,
      'two-prompts.sse',
      1,
      [...refused(0, `\n\n${MESSAGE}`), ...refused(1, MESSAGE), '[DONE]'],
    ],
    [
      'a choice more than asked for',
      refusal(),
      'two-prompts.sse',
      2,
      [...refused(0, `\n\n${MESSAGE}`), ...refused(1, `\n\n${MESSAGE}`), '[DONE]'],
    ],
  ])('%s', (_, given, name, count, expected) => {
    expect(rest(given, name, count)).toEqual(expected)
  })

  test('as the stream it goes on with', () => {
    const { at } = positionAfter(openaiCompletions, fixture('text.sse'), 1)
    expect(eventsOf(openaiCompletions.streamRefusal(refusal(), at))[0]).toMatchObject({
      id: 'cmpl-CpX9aQ4v1',
      created: 1_754_300_000,
      model: 'gpt-3.5-turbo-instruct:20230824-v2',
    })
  })

  test('of a frame that was changed on the way', () => {
    const at = openaiCompletions.openPosition()
    const [{ bytes, parts } = { bytes: bytesOf(''), parts: [] }] = framesOf(
      openaiCompletions,
      fixture('text.sse'),
    )
    at.released({ bytes, parts })
    expect(eventsOf(openaiCompletions.streamRefusal(refusal(), at))[0].id).toBe('cmpl-CpX9aQ4v1')
  })

  test('of choices beyond those asked for in their order', () => {
    const at = openaiCompletions.openPosition()
    const chunks = [2, 1].map(index => `data: {"choices":[{"index":${index},"text":"x"}]}\n\n`)
    for (const frame of framesOf(openaiCompletions, bytesOf(chunks.join('')))) at.released(frame)
    const indexes = eventsOf(openaiCompletions.streamRefusal(refusal(), at)).map(
      event => event.choices?.[0].index,
    )
    expect(indexes).toEqual([0, 0, 1, 1, 2, 2, undefined])
  })

  test('apart from no text that was emptied', () => {
    const at = openaiCompletions.openPosition()
    const [frame] = framesOf(openaiCompletions, fixture('text.sse'))
    at.released(openaiCompletions.rewriteFrame(frame!, [{ path: ['choices', 0, 'text'], text: '' }]))
    expect(eventsOf(openaiCompletions.streamRefusal(refusal(), at))[0].choices[0].text).toBe(MESSAGE)
  })

  test('usage only once', () => {
    const { at } = positionAfter(openaiCompletions, fixture('text.sse'), 6)
    expect(eventsOf(openaiCompletions.streamRefusal(withUsage, at))).toEqual(['[DONE]'])
  })

  test('nothing after the terminator', () => {
    const { at } = positionAfter(openaiCompletions, fixture('text.sse'), 7)
    expect(openaiCompletions.streamRefusal(refusal(), at)).toHaveLength(0)
  })

  test('not from the position of another format', () => {
    expect(() => openaiCompletions.streamRefusal(refusal(), { released: () => {} })).toThrow('another format')
  })
})

test.each([
  [403, 'content_filter', 'invalid_request_error'],
  [413, 'invalid_request', 'invalid_request_error'],
  [500, 'unsupported', 'server_error'],
] as const)('error %i', (status, code, type) => {
  const reply = openaiCompletions.error({ status, message: MESSAGE, code })
  expect(reply.contentType).toBe('application/json')
  expect(JSON.parse(textOf(reply.body))).toEqual({ error: { message: MESSAGE, type, param: null, code } })
})
