import { CohereClientV2, CohereError } from 'cohere-ai'
import OpenAI, { APIError, toFile } from 'openai'
import type { ClientDriver, RawRequest, Shown } from '../driver.ts'

const clientAt = (origin: string): OpenAI =>
  new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0 })

async function shown(ask: () => Promise<string>): Promise<Shown> {
  try {
    return { kind: 'answer', text: await ask(), finish: undefined }
  } catch (error) {
    if (error instanceof CohereError) {
      return { kind: 'error', status: error.statusCode, message: error.message }
    }
    if (!(error instanceof APIError)) throw error
    return { kind: 'error', status: error.status, message: error.message }
  }
}

const json = (path: string, body: object): RawRequest => ({
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const jsonAnswer = (body: object) => ({ contentType: 'application/json', chunks: [JSON.stringify(body)] })
const deniedByError = { kind: 'error', status: 403 } as const

/** The answer is a vector of the tokens' character codes: no guard can read it, but a test can. */
const embeddings: ClientDriver = {
  name: 'openai embeddings',
  format: 'embeddings',
  streams: false,
  denied: deniedByError,
  request: input => json('/v1/embeddings', { model: 'text-embedding-3-small', input }),
  answer: tokens =>
    jsonAnswer({
      object: 'list',
      data: [
        {
          object: 'embedding',
          index: 0,
          embedding: Array.from(tokens.join(''), char => char.codePointAt(0)),
        },
      ],
      model: 'text-embedding-3-small',
      usage: { prompt_tokens: 1, total_tokens: 1 },
    }),
  ask: (origin, input) =>
    shown(async () => {
      const answer = await clientAt(origin).embeddings.create({
        model: 'text-embedding-3-small',
        input,
        encoding_format: 'float',
      })
      return String.fromCodePoint(...(answer.data[0]?.embedding ?? []))
    }),
}

/** The tokens are the name of the model: nothing in such an answer is text. */
const moderations: ClientDriver = {
  name: 'openai moderations',
  format: 'moderations',
  streams: false,
  denied: deniedByError,
  request: input => json('/v1/moderations', { model: 'omni-moderation-latest', input }),
  answer: tokens =>
    jsonAnswer({
      id: 'modr-up1',
      model: tokens.join(''),
      results: [{ flagged: false, categories: { hate: false }, category_scores: { hate: 0.01 } }],
    }),
  ask: (origin, input) => shown(async () => (await clientAt(origin).moderations.create({ input })).model),
}

/** The tokens are a setting that the server repeats; the only text of a picture is what was made of the prompt. */
const images: ClientDriver = {
  name: 'openai images.generate',
  format: 'openai-images',
  streams: false,
  denied: deniedByError,
  request: prompt => json('/v1/images/generations', { model: 'dall-e-3', prompt }),
  answer: tokens =>
    jsonAnswer({
      created: 1_760_000_001,
      background: tokens.join(''),
      data: [{ revised_prompt: 'A picture of a river', url: 'https://images.example.com/a.png' }],
    }),
  ask: (origin, prompt) =>
    shown(async () => {
      const answer = await clientAt(origin).images.generate({ model: 'dall-e-3', prompt })
      return answer.background ?? ''
    }),
}

/** The sound is made of the tokens' bytes. No guard can read it: fail_mode is asked, and nothing is recorded. */
const speech: ClientDriver = {
  name: 'openai audio.speech',
  opaque: true,
  format: 'openai-audio-speech',
  streams: false,
  denied: deniedByError,
  request: input => json('/v1/audio/speech', { model: 'tts-1', voice: 'alloy', input }),
  answer: tokens => ({ contentType: 'audio/mpeg', chunks: [...tokens] }),
  ask: (origin, input) =>
    shown(async () =>
      (await clientAt(origin).audio.speech.create({ model: 'tts-1', voice: 'alloy', input })).text(),
    ),
}

const BOUNDARY = 'form-boundary-0123456789'

/** A form as the client sends it: a sound, a model and the prompt. */
function transcriptionForm(prompt: string, streams: boolean): RawRequest {
  const part = (headers: string, content: string): string =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; ${headers}\r\n\r\n${content}\r\n`
  return {
    path: '/v1/audio/transcriptions',
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: [
      part('name="file"; filename="weir.mp3"\r\nContent-Type: audio/mpeg', 'ID3\u0004'),
      part('name="model"', 'gpt-4o-transcribe'),
      part('name="prompt"', prompt),
      part('name="stream"', String(streams)),
      `--${BOUNDARY}--\r\n`,
    ].join(''),
  }
}

const sound = () => toFile(Uint8Array.of(0x49, 0x44, 0x33, 0x04), 'weir.mp3', { type: 'audio/mpeg' })
const deniedByTranscript = { kind: 'answer', finish: undefined, separator: '\n\n' } as const

const transcription: ClientDriver = {
  name: 'openai audio.transcriptions',
  format: 'openai-audio-transcription',
  streams: false,
  denied: deniedByTranscript,
  request: prompt => transcriptionForm(prompt, false),
  answer: tokens => jsonAnswer({ text: tokens.join(''), usage: { type: 'duration', seconds: 1 } }),
  ask: (origin, prompt) =>
    shown(async () => {
      const file = await sound()
      const asked = { file, model: 'gpt-4o-transcribe', prompt } as const
      return (await clientAt(origin).audio.transcriptions.create(asked)).text
    }),
}

const transcriptEvent = (event: object): string => `data: ${JSON.stringify(event)}\n\n`

/** The text shown is that of the deltas; where the end says another, that is shown beside it, and no test is pleased. */
const transcriptionStream: ClientDriver = {
  name: 'openai audio.transcriptions, stream',
  format: 'openai-audio-transcription',
  streams: true,
  denied: deniedByTranscript,
  request: prompt => transcriptionForm(prompt, true),
  answer: tokens => ({
    contentType: 'text/event-stream',
    chunks: [
      ...tokens.map(delta => transcriptEvent({ type: 'transcript.text.delta', delta })),
      transcriptEvent({ type: 'transcript.text.done', text: tokens.join('') }),
    ],
  }),
  ask: (origin, prompt) =>
    shown(async () => {
      const file = await sound()
      const asked = { file, model: 'gpt-4o-transcribe', prompt, stream: true } as const
      let [text, done] = ['', undefined as string | undefined]
      for await (const event of await clientAt(origin).audio.transcriptions.create(asked)) {
        if (event.type === 'transcript.text.delta') text += event.delta
        if (event.type === 'transcript.text.done') done = event.text
      }
      return done === text ? text : `${text} <> ${done}`
    }),
}

/** The tokens are the answer's id: without its documents, such an answer holds no text. */
const rerank: ClientDriver = {
  name: 'cohere-ai v2 rerank',
  format: 'rerank',
  streams: false,
  denied: deniedByError,
  request: query =>
    json('/v2/rerank', { model: 'rerank-v3.5', query, documents: ['one document', 'another'] }),
  answer: tokens =>
    jsonAnswer({
      id: tokens.join(''),
      results: [{ index: 0, relevance_score: 0.9 }],
      meta: { api_version: { version: '2' } },
    }),
  ask: (origin, query) =>
    shown(async () => {
      const client = new CohereClientV2({ token: 'test', environment: origin, maxRetries: 0 })
      const documents = ['one document', 'another']
      return (await client.rerank({ model: 'rerank-v3.5', query, documents })).id ?? ''
    }),
}

export const drivers: readonly ClientDriver[] = [
  embeddings,
  moderations,
  images,
  speech,
  transcription,
  transcriptionStream,
  rerank,
]
