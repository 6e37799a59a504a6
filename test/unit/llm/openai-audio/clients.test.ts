import { createOpenAI } from '@ai-sdk/openai'
import { generateSpeech, transcribe } from 'ai'
import OpenAI, { APIError, PermissionDeniedError, toFile } from 'openai'
import { describe, expect, test } from 'vitest'
import { openaiAudioSpeech, openaiAudioTranscription } from '../../../../src/llm/openai-audio/index.ts'
import {
  MESSAGE,
  positionAfter,
  readFixture,
  readRequest,
  refusal,
  served,
  textOf,
  value,
} from '../openai-given.ts'

const clientAt = (origin: string) => new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0 })
const sound = () => toFile(Uint8Array.of(0x49, 0x44, 0x33, 0, 13, 10), 'weir.mp3', { type: 'audio/mpeg' })

/** The refusal of what the client asks by `ask`, which is asked twice: once for its request, once for the answer. */
async function refused<T>(ask: (origin: string) => Promise<T>) {
  const { asked } = await served({ contentType: 'application/json', body: Buffer.from('{"text":"x"}') }, ask)
  const request = value(openaiAudioTranscription.decodeRequest(asked[0]!.body))
  const shape = request.streams === true ? 'event-stream' : 'json'
  const { shown } = await served(openaiAudioTranscription.refusal(refusal({ request }), shape), ask)
  return { shown, sent: readRequest(openaiAudioTranscription, asked[0]!.body), request }
}

describe('openai audio.transcriptions', () => {
  test.each([
    ['json', { text: MESSAGE }],
    ['verbose_json', { text: MESSAGE, duration: 0, segments: [] }],
  ] as const)('shows a refusal as %s', async (response_format, transcript) => {
    const { shown, sent } = await refused(async origin =>
      clientAt(origin).audio.transcriptions.create({
        file: await sound(),
        model: 'whisper-1',
        prompt: 'Weiß, 555-0100',
        timestamp_granularities: ['word', 'segment'],
        response_format,
      }),
    )
    expect(shown).toMatchObject(transcript)
    expect(sent).toEqual({ texts: [['user', 'Weiß, 555-0100', ['prompt']]], uninspectable: 1 })
  })

  test.each([
    ['text', `${MESSAGE}\n`],
    ['srt', `1\n00:00:00,000 --> 00:00:01,000\n${MESSAGE}\n\n`],
    ['vtt', `WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n${MESSAGE}\n\n`],
  ] as const)('shows a refusal as %s', async (response_format, text) => {
    const { shown } = await refused(async origin =>
      clientAt(origin).audio.transcriptions.create({
        file: await sound(),
        model: 'whisper-1',
        response_format,
      }),
    )
    expect(shown).toBe(text)
  })

  /** The text of the deltas, and of the end. */
  const streamed = async (origin: string) => {
    const events = await clientAt(origin).audio.transcriptions.create({
      file: await sound(),
      model: 'gpt-4o-transcribe',
      stream: true,
    })
    let [text, done] = ['', undefined as string | undefined]
    for await (const event of events) {
      if (event.type === 'transcript.text.delta') text += event.delta
      if (event.type === 'transcript.text.done') done = event.text
    }
    return { text, done }
  }

  test('shows a streamed refusal', async () => {
    const body = openaiAudioTranscription.refusal(refusal(), 'event-stream')
    const { shown, asked } = await served(body, streamed)
    expect(shown).toEqual({ text: MESSAGE, done: MESSAGE })
    expect(value(openaiAudioTranscription.decodeRequest(asked[0]!.body)).streams).toBe(true)
  })

  test('shows a refusal that goes on', async () => {
    const { at, released } = positionAfter(
      openaiAudioTranscription,
      readFixture('openai-audio/stream.sse'),
      2,
    )
    const rest = openaiAudioTranscription.streamRefusal(refusal(), at)
    const body = Buffer.concat([openaiAudioTranscription.heartbeat, released, rest])
    const { shown } = await served({ contentType: 'text/event-stream', body }, streamed)
    const text = `I see skies of\n\n${MESSAGE}`
    expect(shown).toEqual({ text, done: text })
  })

  test('raises an error', async () => {
    const error = openaiAudioTranscription.error({ status: 403, message: MESSAGE, code: 'content_filter' })
    const { shown } = await served({ ...error, status: 403 }, async origin =>
      clientAt(origin)
        .audio.transcriptions.create({ file: await sound(), model: 'whisper-1' })
        .catch((raised: unknown) => raised),
    )
    expect(shown).toBeInstanceOf(PermissionDeniedError)
    expect(shown).toMatchObject({ status: 403, code: 'content_filter', message: `403 ${MESSAGE}` })
  })
})

test('openai audio.translations shows a refusal', async () => {
  const { shown, sent } = await refused(async origin =>
    clientAt(origin).audio.translations.create({ file: await sound(), model: 'whisper-1', prompt: 'a' }),
  )
  expect(shown).toEqual({ text: MESSAGE })
  expect(sent).toEqual({ texts: [['user', 'a', ['prompt']]], uninspectable: 1 })
})

test('ai transcribe shows a refusal', async () => {
  const { shown, sent } = await refused(origin =>
    transcribe({
      model: createOpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1` }).transcription('whisper-1'),
      audio: Uint8Array.of(0x49, 0x44, 0x33),
      providerOptions: { openai: { prompt: 'a', timestampGranularities: ['word'] } },
      maxRetries: 0,
    }),
  )
  expect(shown.text).toBe(MESSAGE)
  expect(sent).toEqual({ texts: [['user', 'a', ['prompt']]], uninspectable: 1 })
})

describe('openai audio.speech', () => {
  const speak = (origin: string) =>
    clientAt(origin).audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'a', instructions: 'b' })
  const error = openaiAudioSpeech.error({ status: 403, message: MESSAGE, code: 'content_filter' })

  test('raises an error', async () => {
    const { shown, asked } = await served({ ...error, status: 403 }, origin =>
      speak(origin).catch((raised: unknown) => raised),
    )
    expect(shown).toBeInstanceOf(APIError)
    expect(shown).toMatchObject({ status: 403, code: 'content_filter', message: `403 ${MESSAGE}` })
    expect(readRequest(openaiAudioSpeech, asked[0]!.body)).toEqual({
      texts: [
        ['user', 'b', ['instructions']],
        ['user', 'a', ['input']],
      ],
      uninspectable: 0,
    })
  })

  test('ai raises it as well', async () => {
    const { shown } = await served({ ...error, status: 403 }, origin =>
      generateSpeech({
        model: createOpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1` }).speech('tts-1'),
        text: 'a',
        maxRetries: 0,
      }).catch((raised: unknown) => raised),
    )
    expect(shown).toMatchObject({ statusCode: 403, message: MESSAGE })
  })

  test('gets the events of a denied stream, of which the last one says no', async () => {
    const { at, released } = positionAfter(openaiAudioSpeech, readFixture('openai-audio/speech.sse'), 1)
    const body = Buffer.concat([released, openaiAudioSpeech.streamRefusal(refusal(), at)])
    const { shown } = await served({ contentType: 'text/event-stream', body }, async origin =>
      (await speak(origin)).arrayBuffer(),
    )
    expect(textOf(new Uint8Array(shown))).toContain(`"message":"${MESSAGE}"`)
  })
})
