import OpenAI, { APIError } from 'openai'
import { CHAT_HEADERS, chatCompletion, chatEvents, chatRequest } from '../../support/chat.ts'
import type { ClientDriver, Shown } from '../driver.ts'

const MODEL = 'gpt-test'
const clientAt = (origin: string): OpenAI =>
  new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0 })
const messages = (content: string): OpenAI.ChatCompletionMessageParam[] => [{ role: 'user', content }]

async function shown(ask: () => Promise<Shown>): Promise<Shown> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof APIError)) throw error
    return { kind: 'error', status: error.status, message: error.message }
  }
}

const base = {
  format: 'openai-chat',
  denied: { kind: 'answer', finish: 'content_filter', separator: '\n\n' },
} as const
const raw = (content: string, stream: boolean) => ({
  path: CHAT_HEADERS[':path'],
  headers: { 'content-type': 'application/json' },
  body: chatRequest(content, { stream }),
})

const whole: ClientDriver = {
  ...base,
  name: 'openai chat.completions',
  streams: false,
  request: content => raw(content, false),
  answer: tokens => ({ contentType: 'application/json', chunks: [chatCompletion(tokens.join(''))] }),
  ask: (origin, content) =>
    shown(async () => {
      const answer = await clientAt(origin).chat.completions.create({
        model: MODEL,
        messages: messages(content),
      })
      const choice = answer.choices[0]
      return { kind: 'answer', text: choice?.message.content ?? '', finish: choice?.finish_reason }
    }),
}

const streamed: ClientDriver = {
  ...base,
  name: 'openai chat.completions, stream',
  streams: true,
  request: content => raw(content, true),
  answer: tokens => ({ contentType: 'text/event-stream', chunks: chatEvents(...tokens) }),
  ask: (origin, content) =>
    shown(async () => {
      const events = await clientAt(origin).chat.completions.create({
        model: MODEL,
        messages: messages(content),
        stream: true,
      })
      let [text, finish] = ['', undefined as string | undefined]
      for await (const { choices } of events) {
        text += choices[0]?.delta.content ?? ''
        finish = choices[0]?.finish_reason ?? finish
      }
      return { kind: 'answer', text, finish }
    }),
}

export const drivers: readonly ClientDriver[] = [whole, streamed]
