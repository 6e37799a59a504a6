import { describe, expect, test } from 'vitest'
import { detectFormat, placeOf } from '../../../src/llm/detect.ts'
import { type BodyToRead, maxBytesOf, readerOf } from '../../../src/rehearsal/read-body.ts'
import { CHAT_HEADERS, chatCompletion, chatEvents, chatRequest } from '../../support/chat.ts'
import { policy } from '../../support/policies.ts'

const JSON_TYPE = 'application/json'
const CHAT = placeOf(CHAT_HEADERS[':path'])

function task(side: BodyToRead['side'], body: string, overrides: Partial<BodyToRead> = {}): BodyToRead {
  return {
    side,
    policy: policy(),
    body: Buffer.from(body),
    place: CHAT,
    contentType: JSON_TYPE,
    ...overrides,
  }
}

/** What is read, where a format takes the body. */
function read(one: BodyToRead) {
  const reader = readerOf(one)
  if (reader === undefined || reader === 'undecodable') return reader
  return { format: reader.format.name, shape: reader.shape, ...reader.read() }
}

describe('who reads an answer', () => {
  test.each([
    ['JSON', JSON_TYPE, chatCompletion('fine'), 'json'],
    ['an event stream', 'text/event-stream', chatEvents('fine').join(''), 'event-stream'],
  ])('is told by its request, or by itself: %s', (_, contentType, body, shape) => {
    for (const place of [CHAT, undefined])
      expect(read(task('output', body, { contentType, place }))).toMatchObject({
        format: 'openai-chat',
        shape,
        kind: 'texts',
        segments: [{ text: 'fine' }],
      })
  })

  test('is nobody where its request went elsewhere, whatever it looks like', () => {
    expect(read(task('output', chatCompletion('fine'), { place: placeOf('/v1/files') }))).toBeUndefined()
  })

  test('is nobody where it is what its API has for other than text', () => {
    const place = placeOf('/v1/audio/speech')
    expect(read(task('output', 'ID3', { place, contentType: 'audio/mpeg' }))).toBeUndefined()
  })

  test('is nobody, as a fault, where it says that it is JSON and is none', () => {
    expect(read(task('output', '{', { place: undefined }))).toBe('undecodable')
    expect(read(task('output', '{'))).toMatchObject({ kind: 'fault', reason: 'undecodable' })
  })

  test('is whoever the operator says has that path', () => {
    const chat = detectFormat(CHAT!, [])!
    const mine = { place: placeOf('/mine') }
    expect(read(task('input', chatRequest('hello'), mine))).toBeUndefined()
    const formats = [{ path: '/mine', format: chat }]
    for (const [side, body] of [
      ['input', chatRequest('hello')],
      ['output', chatCompletion('hello')],
    ] as const)
      expect(read(task(side, body, { ...mine, formats }))).toMatchObject({ segments: [{ text: 'hello' }] })
  })
})

describe('parts that no guard can read', () => {
  const audio = { role: 'assistant', content: null, audio: { data: 'UklGRg==' } }
  const answer = (message: object): string =>
    JSON.stringify({ choices: [{ index: 0, message, finish_reason: 'stop' }] })

  test('are for uninspectable: deny, beside text as well', () => {
    const denying = policy({ uninspectable: 'deny' })
    for (const message of [audio, { ...audio, content: 'fine' }])
      expect(read(task('output', answer(message), { policy: denying }))).toMatchObject({
        kind: 'uninspectable',
      })
  })

  test('are for fail_mode where there is nothing else, which an empty answer is not', () => {
    expect(read(task('output', answer(audio)))).toMatchObject({ kind: 'unsupported', uninspectable: 1 })
    expect(read(task('output', answer({ role: 'assistant', content: '' })))).toMatchObject({
      kind: 'nothing',
    })
  })
})

describe('a request', () => {
  test('in a charset that is not read would get a 415', () => {
    const contentType = 'application/json; charset=utf-16'
    expect(read(task('input', chatRequest('hello'), { contentType }))).toMatchObject({
      kind: 'fault',
      reason: 'undecodable',
      status: 415,
    })
  })

  test('has a limit of its own, and so has an answer', () => {
    const limits = { maxRequestBytes: 1, maxResponseBytes: 2 }
    const of = (side: BodyToRead['side']) => maxBytesOf({ side, policy: policy({ limits }) })
    expect([of('input'), of('output')]).toEqual([1, 2])
  })
})
