import { describe, expect, test } from 'vitest'
import { openaiAudioSpeech } from '../../../../src/llm/openai-audio/index.ts'
import {
  bytesOf,
  eventsOf,
  expectSameHowever,
  framesOf,
  gather,
  jsonBytes,
  MESSAGE,
  positionAfter,
  readAnswer,
  readFixture,
  readRequest,
  refusal,
  value,
} from '../openai-given.ts'

describe('a request', () => {
  test('how it is to be said, and what', () => {
    expect(
      readRequest(
        openaiAudioSpeech,
        jsonBytes({ model: 'tts-1', voice: 'alloy', input: 'a', instructions: 'b' }),
      ),
    ).toEqual({
      texts: [
        ['user', 'b', ['instructions']],
        ['user', 'a', ['input']],
      ],
      uninspectable: 0,
    })
  })

  test.each([
    [{ input: 'a', stream_format: 'sse' }, true],
    [{ input: 'a', stream_format: 'audio' }, false],
    [{ input: 'a' }, false],
  ])('streams: %j', (body, streams) => {
    expect(value(openaiAudioSpeech.decodeRequest(jsonBytes(body))).streams).toBe(streams)
  })

  test.each([[{}], [{ input: 7 }], [{ input: 'a', instructions: 7 }], [['a']]])('undecodable: %j', body => {
    expect(readRequest(openaiAudioSpeech, jsonBytes(body))).toBe('wrong-shape')
  })
})

describe('the shape of an answer', () => {
  const json = bytesOf('{"error":{}}')
  test.each([
    ['audio/mpeg', json, 'opaque'],
    ['Audio/PCM; rate=24000', json, 'opaque'],
    ['application/octet-stream', json, 'opaque'],
    [undefined, bytesOf('ID3\u0004'), 'opaque'],
    [undefined, json, 'json'],
    [undefined, bytesOf(''), 'more'],
    ['application/json', json, 'json'],
    ['text/event-stream; charset=utf-8', bytesOf(''), 'event-stream'],
    ['text/plain', bytesOf('hello'), 'unknown'],
  ])('%s', (contentType, bytes, shape) => {
    expect(openaiAudioSpeech.shapeOf(contentType, bytes)).toBe(shape)
  })
})

test('an answer that is no sound cannot be read', () => {
  expect(readAnswer(openaiAudioSpeech, jsonBytes({ text: 'a' }))).toBe('wrong-shape')
  expect(readAnswer(openaiAudioSpeech, bytesOf('a'))).toBe('not-json')
})

describe('an event stream', () => {
  const fixture = readFixture('openai-audio/speech.sse')

  test('of sound', () => {
    const frames = framesOf(openaiAudioSpeech, fixture)
    expect(gather(frames)).toEqual({ texts: {}, rest: ['uninspectable', 'terminator'] })
    expectSameHowever(openaiAudioSpeech, fixture)
    expect(eventsOf(fixture).every(event => openaiAudioSpeech.claimsResponse(event))).toBe(true)
    expect(openaiAudioSpeech.claimsResponse({ text: 'a' })).toBe(false)
  })

  test('denied ends with an error, unless it is at its end', () => {
    const restAfter = (count: number) =>
      openaiAudioSpeech.streamRefusal(refusal(), positionAfter(openaiAudioSpeech, fixture, count).at)
    expect(eventsOf(restAfter(1))).toMatchObject([{ error: { message: MESSAGE } }])
    expect(restAfter(2)).toHaveLength(0)
  })
})
