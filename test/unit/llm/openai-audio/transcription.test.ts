import { describe, expect, test } from 'vitest'
import { openaiAudioTranscription as format } from '../../../../src/llm/openai-audio/index.ts'
import { bytesOf, jsonBytes, readAnswer, readFixture, readRequest, textOf, value } from '../openai-given.ts'

const form = readFixture('openai-audio/request.form')
const verbose = readFixture('openai-audio/verbose.json')
const edited = (body: Uint8Array, ...edits: [(string | number)[], string][]) =>
  textOf(
    format.rewrite(
      body,
      edits.map(([path, text]) => ({ path, text })),
    ),
  )

describe('a request', () => {
  test('a form', () => {
    expect(readRequest(format, form)).toEqual({
      texts: [['user', 'Names: Weiß, 555-0100', ['prompt']]],
      uninspectable: 1,
    })
    expect(value(format.decodeRequest(form))).toMatchObject({
      model: 'gpt-4o-transcribe',
      streams: false,
      choices: 1,
      responseFormat: 'verbose_json',
    })
  })

  test('JSON', () => {
    expect(readRequest(format, jsonBytes({ model: 'm', prompt: 'a', input_audio: { data: 'x' } }))).toEqual({
      texts: [['user', 'a', ['prompt']]],
      uninspectable: 1,
    })
  })

  test.each([
    ['an unknown response format', { response_format: 'aac' }, 'json'],
    ['none', {}, 'json'],
    ['subtitles', { response_format: 'vtt' }, 'vtt'],
  ])('%s', (_, body, responseFormat) => {
    expect(value(format.decodeRequest(jsonBytes(body)))).toMatchObject({ responseFormat })
  })

  test('redacted', () => {
    expect(edited(form, [['prompt'], 'Names'])).toBe(textOf(form).replace('Names: Weiß, 555-0100', 'Names'))
    expect(edited(bytesOf('{"prompt":"a"}'), [['prompt'], 'b'])).toBe('{"prompt":"b"}')
  })

  test.each([
    ['a list', jsonBytes([]), 'wrong-shape'],
    ['neither', bytesOf('x'), 'not-json'],
    ['a form that is cut', form.slice(0, -10), 'wrong-shape'],
    ['stream that is no boolean', jsonBytes({ stream: 1 }), 'wrong-shape'],
  ])('undecodable: %s', (_, body, reason) => {
    expect(readRequest(format, body)).toBe(reason)
  })
})

describe('the shape of an answer', () => {
  test.each([
    ['application/json', '', 'json'],
    ['text/event-stream', '', 'event-stream'],
    ['text/plain', '', 'more'],
    ['text/plain', 'Call me, maybe, but not before eight.', 'json'],
    ['text/plain; charset=utf-8', 'data: the word of the year, as they say', 'json'],
    ['text/plain; charset=utf-8', 'data: {"type":"transcript.text.delta"}', 'event-stream'],
    ['text/vtt', 'WEBVTT\n\n00:00.000 --> 00:02.000\nHello\n', 'json'],
    ['application/x-subrip', '1\n00:00:00,000 --> 00:00:02,000\nHi\n', 'json'],
    ['text/plain; charset=utf-16', 'Call me, maybe, but not before eight.', 'unknown-encoding'],
    [undefined, '{"text":', 'json'],
    [undefined, 'Call me', 'json'],
    [undefined, '', 'more'],
    ['text/html', '<html>', 'unknown'],
  ])('%s %j', (contentType, start, shape) => {
    expect(format.shapeOf(contentType, bytesOf(start))).toBe(shape)
  })
})

describe('an answer in JSON', () => {
  const words = ['Call', '555', '0100', 'now', 'The', 'river', 'is', 'cold']

  test('says its text and its segments; its words only say them again', () => {
    expect(readAnswer(format, verbose, 'application/json')).toEqual({
      texts: [
        ['Call 555-0100 now. The river is cold.', ['text']],
        [' Call 555-0100 now.', ['segments', 0, 'text']],
        [' The river is cold.', ['segments', 1, 'text']],
      ],
      uninspectable: 0,
    })
  })

  test.each([
    [
      'other words',
      { text: 'a b', words: [{ word: 'a' }, { word: 'c' }] },
      [
        ['a b', ['text']],
        ['a', ['words', 0, 'word']],
        ['c', ['words', 1, 'word']],
      ],
      0,
    ],
    [
      'segments without a text',
      { segments: [{ text: 'a' }], words: [{ word: 'a' }] },
      [['a', ['segments', 0, 'text']]],
      0,
    ],
    ['nothing', { text: '' }, [], 0],
    ['odd places', { text: 'a', segments: 'b', words: [{ text: 'a' }, 'a'] }, [['a', ['text']]], 3],
  ])('%s', (_, body, texts, uninspectable) => {
    expect(readAnswer(format, jsonBytes(body), 'application/json')).toEqual({ texts, uninspectable })
  })

  test.each([
    ['another API', jsonBytes({ choices: [] }), 'wrong-shape'],
    ['a list', jsonBytes([]), 'wrong-shape'],
    ['no JSON', bytesOf('Call me'), 'not-json'],
  ])('undecodable: %s', (_, body, reason) => {
    expect(readAnswer(format, body, 'application/json')).toBe(reason)
  })

  describe('redacted', () => {
    const without = (text: string, ...changes: [string, string][]) =>
      changes.reduce((all, [from, to]) => all.replace(from, to), text)
    const blank: [string, string][] = words.map(word => [`"word": "${word}"`, '"word": ""'])
    const tokens = (list: string): [string, string] => [`"tokens": ${list}`, '"tokens": null']
    const plain = textOf(verbose)
    const bothTokens = [tokens('[\n    50364,\n    7807\n   ]'), tokens('[\n    440,\n    6810\n   ]')]

    test('in every place: words and tokens go, segments stay that say what the text says', () => {
      const after = edited(
        verbose,
        [['text'], 'Call [PHONE] now. The river is cold.'],
        [['segments', 0, 'text'], ' Call [PHONE] now.'],
      )
      expect(after).toBe(
        without(
          plain,
          ['Call 555-0100 now. The', 'Call [PHONE] now. The'],
          [' Call 555-0100 now.', ' Call [PHONE] now.'],
          ...bothTokens,
          ...blank,
        ),
      )
      expect(after).not.toMatch(/555|0100/)
    })

    test('what is found in the text alone leaves no segment', () => {
      const after = edited(verbose, [['text'], 'Call [PHONE] is cold.'])
      expect(after).toBe(
        without(
          plain,
          ['Call 555-0100 now. The river', 'Call [PHONE]'],
          [' Call 555-0100 now.', ''],
          [' The river is cold.', ''],
          ...bothTokens,
          ...blank,
        ),
      )
    })

    test('what is found in a segment alone goes into the text', () => {
      const after = edited(verbose, [['segments', 1, 'text'], ' The [X] is cold.'])
      expect(JSON.parse(after)).toMatchObject({
        text: 'Call 555-0100 now. The [X] is cold.',
        segments: [{ text: ' Call 555-0100 now.' }, { text: ' The [X] is cold.' }],
      })
    })

    test('what is found in a word alone takes all words', () => {
      const body = jsonBytes({ text: 'a', words: [{ word: 'b' }, { word: 'c' }] })
      expect(edited(body, [['words', 0, 'word'], '[X]'])).toBe(
        '{"text":"a","words":[{"word":""},{"word":""}]}',
      )
    })

    test('takes the logprobs', () => {
      const body = bytesOf('{"text":"a b","logprobs":[{"token":"a"}]}')
      expect(edited(body, [['text'], 'c'])).toBe('{"text":"c","logprobs":null}')
    })
  })
})

describe('an answer that is nothing but text', () => {
  const srt = readFixture('openai-audio/transcript.srt')

  test.each([
    ['text/plain; charset=utf-8', srt],
    ['text/vtt', readFixture('openai-audio/transcript.vtt')],
    ['text/plain', bytesOf('--x\r\nhello')],
    ['text/plain', bytesOf('42')],
    [undefined, srt],
  ])('%s', (contentType, body) => {
    expect(readAnswer(format, body, contentType)).toEqual({ texts: [[textOf(body), []]], uninspectable: 0 })
  })

  test('is replaced whole', () => {
    expect(edited(srt, [[], '1\n[X]'])).toBe('1\n[X]')
    expect(edited(bytesOf('--x\r\nhello'), [[], 'a'])).toBe('a')
  })

  test('JSON under the name of text is read as JSON', () => {
    const body = bytesOf(String.raw`{"text":"\u0061"}`)
    expect(readAnswer(format, body, 'text/plain')).toEqual({ texts: [['a', ['text']]], uninspectable: 0 })
  })

  test.each([
    ['text/plain', Uint8Array.of(0xff), 'not-utf8'],
    [undefined, jsonBytes({ choices: [] }), 'wrong-shape'],
    ['text/html', bytesOf('<html>'), 'not-json'],
  ])('undecodable: %s', (contentType, body, reason) => {
    expect(readAnswer(format, body, contentType)).toBe(reason)
  })

  test('without a word', () => {
    expect(readAnswer(format, bytesOf(''), 'text/plain')).toEqual({ texts: [], uninspectable: 0 })
  })
})

test.each([
  [JSON.parse(textOf(verbose)), true],
  [{ text: 'a' }, true],
  [{ type: 'transcript.text.delta', delta: 'a' }, true],
  [{ text: 'a', generation_id: 'x' }, false],
  [{ type: 'text', text: 'a' }, false],
  [{ segments: [] }, false],
  [[], false],
])('claimed: %#', (body, claimed) => {
  expect(format.claimsResponse(body)).toBe(claimed)
})
