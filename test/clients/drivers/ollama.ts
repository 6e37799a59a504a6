import { Ollama } from 'ollama'
import type { ClientDriver, RawAnswer, RawRequest, Shown } from '../driver.ts'

const MODEL = 'llama-test'
const clientAt = (origin: string): Ollama => new Ollama({ host: origin })

/** The client has no retries. Its error class is not exported, but says its name. */
async function shown(ask: () => Promise<Shown>): Promise<Shown> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ResponseError') throw error
    const status =
      'status_code' in error && typeof error.status_code === 'number' ? error.status_code : undefined
    return { kind: 'error', status, message: error.message }
  }
}

const denied = { kind: 'answer', finish: 'stop', separator: '\n\n' } as const

const raw = (path: string, body: Record<string, unknown>): RawRequest => ({
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: MODEL, ...body }),
})
const messages = (content: string) => [{ role: 'user', content }]

/** What one line, or the whole answer, says beside its text. */
const head = { model: MODEL, created_at: '2025-10-17T23:14:07.414671Z' }
const end = { done: true, done_reason: 'stop', total_duration: 174_560_334, eval_count: 5 }

const whole = (said: object): RawAnswer => ({
  contentType: 'application/json; charset=utf-8',
  chunks: [JSON.stringify({ ...head, ...said, ...end })],
})
const lines = (tokens: readonly string[], said: (text: string) => object): RawAnswer => ({
  contentType: 'application/x-ndjson',
  chunks: [
    ...tokens.map(text => ({ ...head, ...said(text), done: false })),
    { ...head, ...said(''), ...end },
  ].map(line => `${JSON.stringify(line)}\n`),
})
const inMessage = (content: string) => ({ message: { role: 'assistant', content } })
const inResponse = (response: string) => ({ response })

const chat: ClientDriver = {
  name: 'ollama chat',
  format: 'ollama-chat',
  streams: false,
  denied,
  request: content => raw('/api/chat', { messages: messages(content), stream: false }),
  answer: tokens => whole(inMessage(tokens.join(''))),
  ask: (origin, content) =>
    shown(async () => {
      const answer = await clientAt(origin).chat({ model: MODEL, messages: messages(content) })
      return { kind: 'answer', text: answer.message.content, finish: answer.done_reason }
    }),
}

const chatStream: ClientDriver = {
  name: 'ollama chat, stream',
  format: 'ollama-chat',
  streams: true,
  denied,
  // The API streams unless it is told not to.
  request: content => raw('/api/chat', { messages: messages(content) }),
  answer: tokens => lines(tokens, inMessage),
  ask: (origin, content) =>
    shown(async () => {
      let [text, finish] = ['', undefined as string | undefined]
      const parts = await clientAt(origin).chat({ model: MODEL, messages: messages(content), stream: true })
      for await (const part of parts) {
        text += part.message.content
        finish = part.done_reason ?? finish
      }
      return { kind: 'answer', text, finish }
    }),
}

const generate: ClientDriver = {
  name: 'ollama generate',
  format: 'ollama-generate',
  streams: false,
  denied,
  request: prompt => raw('/api/generate', { prompt, stream: false }),
  answer: tokens => whole(inResponse(tokens.join(''))),
  ask: (origin, prompt) =>
    shown(async () => {
      const answer = await clientAt(origin).generate({ model: MODEL, prompt })
      return { kind: 'answer', text: answer.response ?? '', finish: answer.done_reason }
    }),
}

const generateStream: ClientDriver = {
  name: 'ollama generate, stream',
  format: 'ollama-generate',
  streams: true,
  denied,
  request: prompt => raw('/api/generate', { prompt }),
  answer: tokens => lines(tokens, inResponse),
  ask: (origin, prompt) =>
    shown(async () => {
      let [text, finish] = ['', undefined as string | undefined]
      for await (const part of await clientAt(origin).generate({ model: MODEL, prompt, stream: true })) {
        text += part.response ?? ''
        finish = part.done_reason ?? finish
      }
      return { kind: 'answer', text, finish }
    }),
}

export const drivers: readonly ClientDriver[] = [chat, chatStream, generate, generateStream]
