import { createOpenAI } from '@ai-sdk/openai'
import { ChatOpenAI } from '@langchain/openai'
import { APICallError, generateText, streamText } from 'ai'
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
    if (error instanceof APIError) return { kind: 'error', status: error.status, message: error.message }
    if (!APICallError.isInstance(error)) throw error
    return { kind: 'error', status: error.statusCode, message: error.message }
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

const helper: ClientDriver = {
  ...streamed,
  name: 'openai chat.completions.stream',
  ask: (origin, content) =>
    shown(async () => {
      const stream = clientAt(origin).chat.completions.stream({ model: MODEL, messages: messages(content) })
      const [choice] = (await stream.finalChatCompletion()).choices
      return { kind: 'answer', text: choice?.message.content ?? '', finish: choice?.finish_reason }
    }),
}

const aiModelAt = (origin: string) => createOpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1` }).chat(MODEL)
/** The AI SDK has words of its own for finish reasons. */
const aiDenied = { ...base.denied, finish: 'content-filter' }

const aiWhole: ClientDriver = {
  ...whole,
  name: 'ai generateText, @ai-sdk/openai chat',
  denied: aiDenied,
  ask: (origin, content) =>
    shown(async () => {
      const answer = await generateText({ model: aiModelAt(origin), prompt: content, maxRetries: 0 })
      return { kind: 'answer', text: answer.text, finish: answer.finishReason }
    }),
}

const aiStream: ClientDriver = {
  ...streamed,
  name: 'ai streamText, @ai-sdk/openai chat',
  denied: aiDenied,
  ask: (origin, content) =>
    shown(async () => {
      const model = aiModelAt(origin)
      const answer = streamText({ model, prompt: content, maxRetries: 0, onError: () => {} })
      let [text, finish] = ['', undefined as string | undefined]
      for await (const part of answer.fullStream) {
        if (part.type === 'text-delta') text += part.text
        else if (part.type === 'finish') finish = part.finishReason
        else if (part.type === 'error') throw part.error
      }
      return { kind: 'answer', text, finish }
    }),
}

const langchainAt = (origin: string) =>
  new ChatOpenAI({
    model: MODEL,
    apiKey: 'sk-test',
    maxRetries: 0,
    configuration: { baseURL: `${origin}/v1` },
  })

const langchainWhole: ClientDriver = {
  ...whole,
  name: '@langchain/openai invoke, chat',
  ask: (origin, content) =>
    shown(async () => {
      const answer = await langchainAt(origin).invoke(content)
      return { kind: 'answer', text: answer.text, finish: word(answer.response_metadata.finish_reason) }
    }),
}

const langchainStream: ClientDriver = {
  ...streamed,
  name: '@langchain/openai stream, chat',
  ask: (origin, content) =>
    shown(async () => {
      let [text, finish] = ['', undefined as string | undefined]
      for await (const chunk of await langchainAt(origin).stream(content)) {
        text += chunk.text
        finish = word(chunk.response_metadata.finish_reason) ?? finish
      }
      return { kind: 'answer', text, finish }
    }),
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

export const drivers: readonly ClientDriver[] = [
  whole,
  streamed,
  helper,
  aiWhole,
  aiStream,
  langchainWhole,
  langchainStream,
]
