import { createGoogle } from '@ai-sdk/google'
import { ApiError, GoogleGenAI } from '@google/genai'
import { APICallError, generateText, streamText } from 'ai'
import type { ClientDriver, Shown } from '../driver.ts'

const MODEL = 'gemini-2.5-flash'
const KEY = 'test-key'
const OPEN = { responseId: 'tTCwacuEBMvnitYP06qsgQY', modelVersion: MODEL }
const USAGE = { promptTokenCount: 3, candidatesTokenCount: 4, totalTokenCount: 7 }

const methodPath = (method: string, query = ''): string => `/v1beta/models/${MODEL}:${method}${query}`
const raw = (path: string, content: string) => ({
  path,
  headers: { 'content-type': 'application/json', 'x-goog-api-key': KEY },
  body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: content }] }] }),
})

/** One answer of a stream, or the only one. */
function answer(text: string, place: 'last' | 'not-last'): string {
  const content = { role: 'model', parts: [{ text }] }
  const end = place === 'last' ? { finishReason: 'STOP' } : {}
  const usage = place === 'last' ? { usageMetadata: USAGE } : {}
  return JSON.stringify({ candidates: [{ content, ...end, index: 0 }], ...usage, ...OPEN })
}

/** The texts one by one, and an event without text that ends them. */
const answers = (tokens: readonly string[]): readonly string[] => [
  ...tokens.map(token => answer(token, 'not-last')),
  answer('', 'last'),
]

const wholeAnswer = (tokens: readonly string[]) => ({
  contentType: 'application/json; charset=UTF-8',
  chunks: [answer(tokens.join(''), 'last')],
})
const eventAnswer = (tokens: readonly string[]) => ({
  contentType: 'text/event-stream',
  chunks: answers(tokens).map(event => `data: ${event}\r\n\r\n`),
})
const arrayAnswer = (tokens: readonly string[]) => ({
  contentType: 'application/json; charset=UTF-8',
  chunks: [
    ...answers(tokens).map((element, index) => (index === 0 ? `[${element}` : `\r\n,\r\n${element}`)),
    '\r\n]',
  ],
})

const whole = {
  format: 'gemini',
  streams: false,
  request: (content: string) => raw(methodPath('generateContent'), content),
  answer: wholeAnswer,
} as const
const streamed = {
  format: 'gemini-sse',
  streams: true,
  request: (content: string) => raw(methodPath('streamGenerateContent', '?alt=sse'), content),
  answer: eventAnswer,
} as const
const denied = { kind: 'answer', finish: 'SAFETY', separator: '\n\n' } as const
/** The AI SDK has words of its own. */
const deniedUnified = { kind: 'answer', finish: 'content-filter', separator: '\n\n' } as const

const genaiAt = (origin: string): GoogleGenAI =>
  new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: origin, apiVersion: 'v1beta' } })
const aiModelAt = (origin: string) => createGoogle({ apiKey: KEY, baseURL: `${origin}/v1beta` })(MODEL)

/** The client says the whole error object in its message. */
async function shownByGenai(ask: () => Promise<Shown>): Promise<Shown> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const told: { error: { message: string } } = JSON.parse(error.message)
    return { kind: 'error', status: error.status, message: told.error.message }
  }
}

async function shownByAiSdk(ask: () => Promise<Shown>): Promise<Shown> {
  try {
    return await ask()
  } catch (error) {
    if (!APICallError.isInstance(error)) throw error
    return { kind: 'error', status: error.statusCode, message: error.message }
  }
}

const genaiWhole: ClientDriver = {
  ...whole,
  name: '@google/genai generateContent',
  denied,
  ask: (origin, content) =>
    shownByGenai(async () => {
      const response = await genaiAt(origin).models.generateContent({ model: MODEL, contents: content })
      return { kind: 'answer', text: response.text ?? '', finish: response.candidates?.[0]?.finishReason }
    }),
}

const genaiStreamed: ClientDriver = {
  ...streamed,
  name: '@google/genai generateContentStream',
  denied,
  ask: (origin, content) =>
    shownByGenai(async () => {
      const events = await genaiAt(origin).models.generateContentStream({ model: MODEL, contents: content })
      let [text, finish] = ['', undefined as string | undefined]
      for await (const event of events) {
        text += event.text ?? ''
        finish = event.candidates?.[0]?.finishReason ?? finish
      }
      return { kind: 'answer', text, finish }
    }),
}

const aiWhole: ClientDriver = {
  ...whole,
  name: 'ai generateText, @ai-sdk/google',
  denied: deniedUnified,
  ask: (origin, content) =>
    shownByAiSdk(async () => {
      const { text, finishReason } = await generateText({
        model: aiModelAt(origin),
        prompt: content,
        maxRetries: 0,
      })
      return { kind: 'answer', text, finish: finishReason }
    }),
}

const aiStreamed: ClientDriver = {
  ...streamed,
  name: 'ai streamText, @ai-sdk/google',
  denied: deniedUnified,
  ask: (origin, content) =>
    shownByAiSdk(async () => {
      let failure: unknown
      const result = streamText({
        model: aiModelAt(origin),
        prompt: content,
        maxRetries: 0,
        onError: ({ error }) => {
          failure = error
        },
      })
      let text = ''
      for await (const piece of result.textStream) text += piece
      if (failure !== undefined) throw failure
      return { kind: 'answer', text, finish: await result.finishReason }
    }),
}

/** No client reads the stream without `alt=sse`; those who call it by hand parse all of it. */
const arrayByHand: ClientDriver = {
  name: 'fetch streamGenerateContent',
  format: 'gemini-array',
  streams: true,
  denied,
  request: content => raw(methodPath('streamGenerateContent'), content),
  answer: arrayAnswer,
  ask: async (origin, content) => {
    const { path, headers, body } = raw(methodPath('streamGenerateContent'), content)
    const response = await fetch(origin + path, { method: 'POST', headers, body })
    const told: Told[] = JSON.parse(await response.text())
    const error = told[0]?.error
    if (!response.ok) return { kind: 'error', status: response.status, message: error?.message ?? '' }
    const candidates = told.flatMap(element => element.candidates ?? [])
    return {
      kind: 'answer',
      text: candidates
        .flatMap(({ content }) => content?.parts ?? [])
        .reduce((all, { text }) => all + text, ''),
      finish: candidates.findLast(({ finishReason }) => finishReason !== undefined)?.finishReason,
    }
  },
}

interface Told {
  readonly error?: { readonly message: string }
  readonly candidates?: readonly {
    readonly content?: { readonly parts?: readonly { readonly text: string }[] }
    readonly finishReason?: string
  }[]
}

export const drivers: readonly ClientDriver[] = [genaiWhole, genaiStreamed, aiWhole, aiStreamed, arrayByHand]
