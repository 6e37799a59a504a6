import { CohereClientV2, CohereError } from 'cohere-ai'
import type { ClientDriver, RawRequest, Shown } from '../driver.ts'

const MODEL = 'command-test'
const clientAt = (origin: string): CohereClientV2 =>
  new CohereClientV2({ token: 'test', environment: origin })
const messages = (content: string) => [{ role: 'user' as const, content }]
const NO_RETRIES = { maxRetries: 0 }

async function shown(ask: () => Promise<Shown>): Promise<Shown> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof CohereError)) throw error
    return { kind: 'error', status: error.statusCode, message: error.message }
  }
}

const base = {
  format: 'cohere-chat',
  denied: { kind: 'answer', finish: 'COMPLETE', separator: '\n\n' },
} as const

const raw = (content: string, stream: boolean): RawRequest => ({
  path: '/v2/chat',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: MODEL, messages: messages(content), stream }),
})

const ID = 'c14c80c3-18eb-4519-9460-6c92edd8cfb4'
const tokensUsed = { input_tokens: 3, output_tokens: 5 }
const usage = { billed_units: tokensUsed, tokens: tokensUsed }

const event = (type: string, rest: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`
const contentEvent = (type: string, content: object): string =>
  event(type, { index: 0, delta: { message: { content } } })

const whole: ClientDriver = {
  ...base,
  name: 'cohere-ai v2 chat',
  streams: false,
  request: content => raw(content, false),
  answer: tokens => {
    const message = { role: 'assistant', content: [{ type: 'text', text: tokens.join('') }] }
    const body = JSON.stringify({ id: ID, finish_reason: 'COMPLETE', message, usage })
    return { contentType: 'application/json', chunks: [body] }
  },
  ask: (origin, content) =>
    shown(async () => {
      const answer = await clientAt(origin).chat({ model: MODEL, messages: messages(content) }, NO_RETRIES)
      const texts = answer.message.content?.map(block => (block.type === 'text' ? block.text : ''))
      return { kind: 'answer', text: texts?.join('') ?? '', finish: answer.finishReason }
    }),
}

const streamed: ClientDriver = {
  ...base,
  name: 'cohere-ai v2 chatStream',
  streams: true,
  request: content => raw(content, true),
  answer: tokens => ({
    contentType: 'text/event-stream',
    chunks: [
      event('message-start', { id: ID, delta: { message: { role: 'assistant', content: [] } } }),
      contentEvent('content-start', { type: 'text', text: '' }),
      ...tokens.map(text => contentEvent('content-delta', { text })),
      event('content-end', { index: 0 }),
      event('message-end', { id: ID, delta: { finish_reason: 'COMPLETE', usage } }),
    ],
  }),
  ask: (origin, content) =>
    shown(async () => {
      const params = { model: MODEL, messages: messages(content) }
      let [text, finish] = ['', undefined as string | undefined]
      for await (const said of await clientAt(origin).chatStream(params, NO_RETRIES)) {
        if (said.type === 'content-delta') text += said.delta?.message?.content?.text ?? ''
        if (said.type === 'message-end') finish = said.delta?.finishReason
      }
      return { kind: 'answer', text, finish }
    }),
}

export const drivers: readonly ClientDriver[] = [whole, streamed]
