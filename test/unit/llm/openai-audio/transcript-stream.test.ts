import { describe, expect, test } from 'vitest'
import { openaiAudioTranscription as format } from '../../../../src/llm/openai-audio/index.ts'
import {
  asked,
  bytesOf,
  eventsOf,
  expectSameHowever,
  framesOf,
  gather,
  ID,
  MESSAGE,
  partsOf,
  positionAfter,
  readFixture,
  refusal,
  textOf,
} from '../openai-given.ts'

describe('recorded streams', () => {
  test.each([
    [
      'stream.sse',
      { '0/content/0': 'I see skies of Weiß 🥶' },
      ['repeat 0: I see skies of Weiß 🥶', 'terminator'],
    ],
    [
      'diarized.sse',
      { '0/content/0': 'Hi there. Hello.', '0/content/1': 'Hi there. Hello.' },
      ['repeat 0: Hi there. Hello.', 'terminator'],
    ],
    ['vllm.sse', { '0/content/0': ' I see' }, ['finish 0', 'terminator']],
  ])('%s', (name, texts, rest) => {
    const bytes = readFixture(`openai-audio/${name}`)
    expect(gather(framesOf(format, bytes))).toEqual({ texts, rest })
    expectSameHowever(format, bytes)
  })

  test('texts are said twice', () => {
    expect(format.openStream().repeats).toBe(true)
  })
})

describe('events', () => {
  const undecodable = [{ kind: 'undecodable', reason: 'wrong-shape' }]
  test.each([
    ['an empty delta', { type: 'transcript.text.delta', delta: '' }, []],
    ['an odd delta', { type: 'transcript.text.delta', delta: 7 }, [{ kind: 'uninspectable' }]],
    ['an end without a text', { type: 'transcript.text.done' }, [{ kind: 'terminator' }]],
    ['an unknown event', { type: 'transcript.text.other', text: 'a' }, undecodable],
    ['a chunk of texts', { choices: ['a'] }, undecodable],
    ['a chunk of odd deltas', { choices: [{ delta: 'a' }] }, undecodable],
    ['an error', { type: 'error', error: { message: 'x' } }, []],
  ])('%s', (_, event, parts) => {
    expect(partsOf(format, `data: ${JSON.stringify(event)}\n\n`)).toEqual(parts)
  })
})

describe('redaction', () => {
  test.each([
    [
      '{"type":"transcript.text.delta","delta":"a","logprobs":[{"token":"a"}]}',
      ['delta'],
      '{"type":"transcript.text.delta","delta":"b","logprobs":null}',
    ],
    [
      '{"type":"transcript.text.done", "text":"a","usage":{"type":"tokens"},"logprobs":[]}',
      ['text'],
      '{"type":"transcript.text.done", "text":"b","usage":{"type":"tokens"},"logprobs":null}',
    ],
    [
      '{"type":"transcript.text.segment","id":"s","text":"a"}',
      ['text'],
      '{"type":"transcript.text.segment","id":"s","text":"b"}',
    ],
  ])('%s', (data, path, expected) => {
    const [frame] = framesOf(format, bytesOf(`data: ${data}\n\n`))
    const after = format.rewriteFrame(frame!, [{ path, text: 'b' }])
    expect(textOf(after.bytes)).toBe(`data: ${expected}\n\n`)
    expect(after.parts).toEqual(framesOf(format, after.bytes)[0]!.parts)
  })
})

describe('a refusal that goes on', () => {
  const restAfter = (name: string, count: number, given = refusal()) =>
    eventsOf(
      format.streamRefusal(given, positionAfter(format, readFixture(`openai-audio/${name}`), count).at),
    )

  test.each([
    ['stream.sse', 0, MESSAGE, MESSAGE],
    ['stream.sse', 2, `\n\n${MESSAGE}`, `I see skies of\n\n${MESSAGE}`],
    ['diarized.sse', 3, `\n\n${MESSAGE}`, `Hi there. Hello.\n\n${MESSAGE}`],
  ])('%s after %i', (name, count, delta, text) => {
    expect(restAfter(name, count)).toEqual([
      { type: 'transcript.text.delta', delta },
      { type: 'transcript.text.done', text },
    ])
  })

  test('in chunks where the upstream writes chunks', () => {
    const head = { id: 'trsc-7d1', object: 'transcription.chunk', created: 1_754_300_002, model: 'whisper' }
    expect(restAfter('vllm.sse', 1)).toEqual([
      { ...head, choices: [{ delta: { content: `\n\n${MESSAGE}` }, finish_reason: null }] },
      { ...head, choices: [{ delta: { content: '' }, finish_reason: 'content_filter' }] },
      '[DONE]',
    ])
    expect(restAfter('vllm.sse', 1, refusal({ finishReason: 'stop' }))[1].choices[0].finish_reason).toBe(
      'stop',
    )
    expect(restAfter('vllm.sse', 2)).toEqual(['[DONE]'])
  })

  test('nothing after the end', () => {
    const { at } = positionAfter(format, readFixture('openai-audio/stream.sse'), 4)
    expect(format.streamRefusal(refusal(), at)).toHaveLength(0)
    expect(() => format.streamRefusal(refusal(), { released: () => {} })).toThrow('another format')
  })

  test('past what is kept the end says the refusal alone', () => {
    const at = format.openPosition()
    const event = `data: ${JSON.stringify({ type: 'transcript.text.delta', delta: 'x'.repeat(1 << 19) })}\n\n`
    for (const frame of framesOf(format, bytesOf(event + event))) at.released(frame)
    expect(eventsOf(format.streamRefusal(refusal(), at))[1].text).toHaveLength((1 << 20) + MESSAGE.length + 2)
    for (const frame of framesOf(format, bytesOf(event))) at.released(frame)
    expect(eventsOf(format.streamRefusal(refusal(), at))).toEqual([
      { type: 'transcript.text.delta', delta: `\n\n${MESSAGE}` },
      { type: 'transcript.text.done', text: MESSAGE },
    ])
  })
})

describe('a whole refusal', () => {
  const said = (responseFormat: string | undefined, message = MESSAGE) => {
    const body = bytesOf(JSON.stringify({ response_format: responseFormat }))
    const decoded = format.decodeRequest(body)
    if (decoded.kind !== 'ok') throw new Error(decoded.reason)
    const reply = format.refusal(refusal({ message, request: decoded.value }), 'json')
    return [reply.contentType, textOf(reply.body)]
  }

  test.each([
    [undefined, 'application/json', JSON.stringify({ text: MESSAGE })],
    ['json', 'application/json', JSON.stringify({ text: MESSAGE })],
    [
      'verbose_json',
      'application/json',
      JSON.stringify({ task: 'transcribe', language: 'unknown', duration: 0, text: MESSAGE, segments: [] }),
    ],
    ['text', 'text/plain; charset=utf-8', `${MESSAGE}\n`],
    ['srt', 'text/plain; charset=utf-8', `1\n00:00:00,000 --> 00:00:01,000\n${MESSAGE}\n\n`],
    ['vtt', 'text/vtt; charset=utf-8', `WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n${MESSAGE}\n\n`],
  ])('%s', (responseFormat, contentType, text) => {
    expect(said(responseFormat)).toEqual([contentType, text])
  })

  test('a message of any characters stays one cue', () => {
    expect(said('srt', 'a\n\n2\r\nb')[1]).toBe('1\n00:00:00,000 --> 00:00:01,000\na 2 b\n\n')
    expect(said('vtt', 'a\n<b> --> &')[1]).toBe(
      'WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt;b&gt; --&gt; &amp;\n\n',
    )
  })

  test('to a request that was not read', () => {
    const reply = format.refusal(refusal({ request: undefined }), 'json')
    expect(textOf(reply.body)).toBe(JSON.stringify({ text: MESSAGE }))
    const other = format.refusal(refusal({ request: asked() }), 'event-stream')
    expect(eventsOf(other.body)).toEqual([
      { type: 'transcript.text.delta', delta: MESSAGE },
      { type: 'transcript.text.done', text: MESSAGE },
    ])
    expect(other.contentType).toBe('text/event-stream')
  })

  test('errors are those of OpenAI', () => {
    const { body } = format.error({ status: 403, message: MESSAGE, code: 'content_filter' })
    expect(JSON.parse(textOf(body)).error.code).toBe('content_filter')
    expect(textOf(body)).not.toContain(ID)
  })
})
