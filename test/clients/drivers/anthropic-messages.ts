import { createAnthropic } from '@ai-sdk/anthropic'
import Anthropic, { APIError } from '@anthropic-ai/sdk'
import { APICallError, generateText, streamText } from 'ai'
import type { ClientDriver, RawAnswer, RawRequest, Shown } from '../driver.ts'

const MODEL = 'claude-test'
const params = (content: string): Anthropic.MessageCreateParamsNonStreaming => ({
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: 'user', content }],
})
const clientAt = (origin: string): Anthropic =>
  new Anthropic({ apiKey: 'sk-ant-test', baseURL: origin, maxRetries: 0 })
const modelAt = (origin: string) => createAnthropic({ apiKey: 'sk-ant-test', baseURL: `${origin}/v1` })(MODEL)

async function shown(ask: () => Promise<Shown>): Promise<Shown> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof APIError) return { kind: 'error', status: error.status, message: error.message }
    if (!APICallError.isInstance(error)) throw error
    return { kind: 'error', status: error.statusCode, message: error.message }
  }
}

function rawRequest(content: string, stream: boolean): RawRequest {
  return {
    path: '/v1/messages',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    body: JSON.stringify({ ...params(content), stream }),
  }
}

const message = { id: 'msg_01up', type: 'message', role: 'assistant', model: 'claude-test-20250929' }

function wholeAnswer(tokens: readonly string[]): RawAnswer {
  const content = [{ type: 'text', text: tokens.join('') }]
  const usage = { input_tokens: 3, output_tokens: 5 }
  const body = { ...message, content, stop_reason: 'end_turn', stop_sequence: null, usage }
  return { contentType: 'application/json', chunks: [JSON.stringify(body)] }
}

function streamedAnswer(tokens: readonly string[]): RawAnswer {
  const usage = { input_tokens: 3, output_tokens: 1 }
  const events = [
    {
      type: 'message_start',
      message: { ...message, content: [], stop_reason: null, stop_sequence: null, usage },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...tokens.map(text => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 5 },
    },
    { type: 'message_stop' },
  ]
  const chunks = events.map(event => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  return { contentType: 'text/event-stream', chunks }
}

const textOf = ({ content }: Anthropic.Message): string =>
  content.map(block => (block.type === 'text' ? block.text : '')).join('')

/** What the AI SDK calls both `refusal` and other filters. */
const AI_DENIED = { kind: 'answer', finish: 'content-filter', separator: '\n\n' } as const
const DENIED = { kind: 'answer', finish: 'refusal', separator: '\n\n' } as const
const whole = {
  format: 'anthropic-messages',
  streams: false,
  request: (content: string) => rawRequest(content, false),
  answer: wholeAnswer,
} as const
const streamed = {
  format: 'anthropic-messages',
  streams: true,
  request: (content: string) => rawRequest(content, true),
  answer: streamedAnswer,
} as const

const create: ClientDriver = {
  ...whole,
  name: 'anthropic messages.create',
  denied: DENIED,
  ask: (origin, content) =>
    shown(async () => {
      const answer = await clientAt(origin).messages.create(params(content))
      return { kind: 'answer', text: textOf(answer), finish: answer.stop_reason ?? undefined }
    }),
}

const createStreamed: ClientDriver = {
  ...streamed,
  name: 'anthropic messages.create, stream',
  denied: DENIED,
  ask: (origin, content) =>
    shown(async () => {
      const events = await clientAt(origin).messages.create({ ...params(content), stream: true })
      let [text, finish] = ['', undefined as string | undefined]
      for await (const event of events) {
        if (event.type === 'content_block_delta' && event.delta.type === 'text_delta')
          text += event.delta.text
        if (event.type === 'message_delta') finish = event.delta.stop_reason ?? finish
      }
      return { kind: 'answer', text, finish }
    }),
}

const helper: ClientDriver = {
  ...streamed,
  name: 'anthropic messages.stream',
  // It puts a space between the texts of two blocks.
  denied: { ...DENIED, separator: ' \n\n' },
  ask: (origin, content) =>
    shown(async () => {
      const stream = clientAt(origin).messages.stream(params(content))
      const answer = await stream.finalMessage()
      return { kind: 'answer', text: await stream.finalText(), finish: answer.stop_reason ?? undefined }
    }),
}

const aiWhole: ClientDriver = {
  ...whole,
  name: 'ai generateText, anthropic',
  denied: AI_DENIED,
  ask: (origin, content) =>
    shown(async () => {
      const { text, finishReason } = await generateText({
        model: modelAt(origin),
        prompt: content,
        maxOutputTokens: 100,
        maxRetries: 0,
      })
      return { kind: 'answer', text, finish: finishReason }
    }),
}

const aiStreamed: ClientDriver = {
  ...streamed,
  name: 'ai streamText, anthropic',
  denied: AI_DENIED,
  ask: (origin, content) =>
    shown(async () => {
      let failure: unknown
      const result = streamText({
        model: modelAt(origin),
        prompt: content,
        maxOutputTokens: 100,
        maxRetries: 0,
        onError: ({ error }) => {
          failure = error
        },
      })
      let text = ''
      for await (const delta of result.textStream) text += delta
      if (failure !== undefined) throw failure
      return { kind: 'answer', text, finish: await result.finishReason }
    }),
}

export const drivers: readonly ClientDriver[] = [create, createStreamed, helper, aiWhole, aiStreamed]
