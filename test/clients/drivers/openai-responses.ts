import { createOpenAI } from '@ai-sdk/openai'
import { ChatOpenAI } from '@langchain/openai'
import { APICallError, generateText, streamText } from 'ai'
import OpenAI from 'openai'
import type { ClientDriver, RawAnswer, RawRequest, Shown } from '../driver.ts'

const MODEL = 'gpt-test'

function responsesRequest(content: string, stream: boolean): RawRequest {
  return {
    path: '/v1/responses',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, input: content, stream }),
  }
}

const answerOf = (status: string, output: readonly object[]) => ({
  id: 'resp_up1',
  object: 'response',
  created_at: 1_760_000_001,
  status,
  error: null,
  incomplete_details: null,
  instructions: null,
  max_output_tokens: null,
  model: 'gpt-test-0001',
  output,
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  store: true,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
  usage:
    status === 'completed'
      ? {
          input_tokens: 3,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: 5,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 8,
        }
      : null,
  user: null,
  metadata: {},
})

const textPart = (text: string) => ({ type: 'output_text', annotations: [], logprobs: [], text })
const message = (status: string, content: readonly object[]) => ({
  id: 'msg_up1',
  type: 'message',
  status,
  role: 'assistant',
  content,
})

function wholeAnswer(tokens: readonly string[]): RawAnswer {
  const item = message('completed', [textPart(tokens.join(''))])
  return { contentType: 'application/json', chunks: [JSON.stringify(answerOf('completed', [item]))] }
}

function streamedAnswer(tokens: readonly string[]): RawAnswer {
  const text = tokens.join('')
  const at = { item_id: 'msg_up1', output_index: 0, content_index: 0 }
  const item = message('completed', [textPart(text)])
  const events = [
    { type: 'response.created', response: answerOf('in_progress', []) },
    { type: 'response.in_progress', response: answerOf('in_progress', []) },
    { type: 'response.output_item.added', output_index: 0, item: message('in_progress', []) },
    { type: 'response.content_part.added', ...at, part: textPart('') },
    ...tokens.map(delta => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...at, text, logprobs: [] },
    { type: 'response.content_part.done', ...at, part: textPart(text) },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: answerOf('completed', [item]) },
  ]
  const chunks = events.map(
    ({ type, ...rest }, index) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: index, ...rest })}\n\n`,
  )
  return { contentType: 'text/event-stream', chunks }
}

/** What an error of any of these clients says; anything else is thrown on. */
async function shown(ask: () => Promise<Shown>): Promise<Shown> {
  try {
    return await ask()
  } catch (error) {
    if (APICallError.isInstance(error))
      return { kind: 'error', status: error.statusCode, message: error.message }
    // Not by its class: @langchain/openai brings an SDK of its own.
    if (error instanceof Error && 'status' in error && typeof error.status === 'number')
      return { kind: 'error', status: error.status, message: error.message }
    throw error
  }
}

const base = (name: string, streams: boolean, finish: string) =>
  ({
    name,
    format: 'openai-responses',
    streams,
    request: content => responsesRequest(content, streams),
    answer: streams ? streamedAnswer : wholeAnswer,
    denied: { kind: 'answer', finish, separator: '\n\n' },
  }) satisfies Partial<ClientDriver>

const openaiAt = (origin: string): OpenAI =>
  new OpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1`, maxRetries: 0 })

const created: ClientDriver = {
  ...base('openai responses.create', false, 'completed'),
  ask: (origin, content) =>
    shown(async () => {
      const answer = await openaiAt(origin).responses.create({ model: MODEL, input: content })
      return { kind: 'answer', text: answer.output_text, finish: answer.status }
    }),
}

const createdStream: ClientDriver = {
  ...base('openai responses.create, stream', true, 'completed'),
  ask: (origin, content) =>
    shown(async () => {
      const events = await openaiAt(origin).responses.create({ model: MODEL, input: content, stream: true })
      let [text, finish] = ['', undefined as string | undefined]
      for await (const event of events) {
        if (event.type === 'response.output_text.delta') text += event.delta
        if ('response' in event) finish = event.response.status
      }
      return { kind: 'answer', text, finish }
    }),
}

const helper: ClientDriver = {
  ...base('openai responses.stream', true, 'completed'),
  ask: (origin, content) =>
    shown(async () => {
      const answer = await openaiAt(origin).responses.stream({ model: MODEL, input: content }).finalResponse()
      return { kind: 'answer', text: answer.output_text, finish: answer.status }
    }),
}

const aiModelAt = (origin: string) =>
  createOpenAI({ apiKey: 'sk-test', baseURL: `${origin}/v1` }).responses(MODEL)

const aiWhole: ClientDriver = {
  ...base('ai generateText, @ai-sdk/openai responses', false, 'stop'),
  ask: (origin, content) =>
    shown(async () => {
      const answer = await generateText({ model: aiModelAt(origin), prompt: content, maxRetries: 0 })
      return { kind: 'answer', text: answer.text, finish: answer.finishReason }
    }),
}

const aiStream: ClientDriver = {
  ...base('ai streamText, @ai-sdk/openai responses', true, 'stop'),
  ask: (origin, content) =>
    shown(async () => {
      const answer = streamText({
        model: aiModelAt(origin),
        prompt: content,
        maxRetries: 0,
        onError: () => {},
      })
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
    useResponsesApi: true,
    maxRetries: 0,
    configuration: { baseURL: `${origin}/v1` },
  })

const langchainWhole: ClientDriver = {
  ...base('@langchain/openai invoke, responses', false, 'completed'),
  ask: (origin, content) =>
    shown(async () => {
      const answer = await langchainAt(origin).invoke(content)
      const { status } = answer.response_metadata
      return { kind: 'answer', text: answer.text, finish: typeof status === 'string' ? status : undefined }
    }),
}

const langchainStream: ClientDriver = {
  ...base('@langchain/openai stream, responses', true, 'completed'),
  ask: (origin, content) =>
    shown(async () => {
      let [text, finish] = ['', undefined as string | undefined]
      for await (const chunk of await langchainAt(origin).stream(content)) {
        text += chunk.text
        const { status } = chunk.response_metadata
        if (typeof status === 'string') finish = status
      }
      return { kind: 'answer', text, finish }
    }),
}

export const drivers: readonly ClientDriver[] = [
  created,
  createdStream,
  helper,
  aiWhole,
  aiStream,
  langchainWhole,
  langchainStream,
]
