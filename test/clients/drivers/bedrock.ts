import {
  BedrockRuntimeClient,
  BedrockRuntimeServiceException,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { BEDROCK_STREAM, type WireLine, wireFrame } from '../../support/bedrock.ts'
import type { ClientDriver, RawAnswer, RawRequest, Shown } from '../driver.ts'

/** An inference profile, as most clients of today name one. */
const MODEL = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'

/** Of itself the client speaks HTTP/2, to which a plain server would have to be told beforehand. */
const clientAt = (origin: string): BedrockRuntimeClient =>
  new BedrockRuntimeClient({
    endpoint: origin,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'none' },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler(),
  })

async function shown(origin: string, ask: (client: BedrockRuntimeClient) => Promise<Shown>): Promise<Shown> {
  const client = clientAt(origin)
  try {
    return await ask(client)
  } catch (error) {
    if (!(error instanceof BedrockRuntimeServiceException)) throw error
    return { kind: 'error', status: error.$metadata.httpStatusCode, message: error.message }
  } finally {
    client.destroy()
  }
}

const pathOf = (operation: string): string => `/model/${encodeURIComponent(MODEL)}/${operation}`
const rawRequest = (operation: string, body: unknown): RawRequest => ({
  path: pathOf(operation),
  headers: { 'content-type': 'application/json', authorization: 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE' },
  body: JSON.stringify(body),
})

const whole = (body: unknown): RawAnswer => ({
  contentType: 'application/json',
  chunks: [JSON.stringify(body)],
})
const streamed = (lines: readonly WireLine[]): RawAnswer => ({
  contentType: BEDROCK_STREAM,
  chunks: lines.map(wireFrame),
})

const messages = (content: string) => [{ role: 'user' as const, content: [{ text: content }] }]
const metadata = {
  usage: { inputTokens: 3, outputTokens: 5, totalTokens: 8 },
  metrics: { latencyMs: 7 },
}

const converseStream = (tokens: readonly string[]): readonly WireLine[] => [
  { event: 'messageStart', payload: { p: 'abcdef', role: 'assistant' } },
  ...tokens.map(text => ({
    event: 'contentBlockDelta',
    payload: { contentBlockIndex: 0, delta: { text }, p: 'abc' },
  })),
  { event: 'contentBlockStop', payload: { contentBlockIndex: 0, p: 'abcdefghij' } },
  { event: 'messageStop', payload: { p: 'abcdefgh', stopReason: 'end_turn' } },
  { event: 'metadata', payload: { ...metadata, p: 'ab' } },
]

const CONVERSE_DENIED = { kind: 'answer', finish: 'guardrail_intervened', separator: '\n\n' } as const

const converse: ClientDriver = {
  name: 'aws-sdk Converse',
  format: 'bedrock-converse',
  streams: false,
  denied: CONVERSE_DENIED,
  request: content => rawRequest('converse', { messages: messages(content) }),
  answer: tokens =>
    whole({
      output: { message: { role: 'assistant', content: [{ text: tokens.join('') }] } },
      stopReason: 'end_turn',
      ...metadata,
    }),
  ask: (origin, content) =>
    shown(origin, async client => {
      const answer = await client.send(new ConverseCommand({ modelId: MODEL, messages: messages(content) }))
      const text = answer.output?.message?.content?.map(block => block.text ?? '').join('') ?? ''
      return { kind: 'answer', text, finish: answer.stopReason }
    }),
}

const converseStreamed: ClientDriver = {
  name: 'aws-sdk ConverseStream',
  format: 'bedrock-converse-stream',
  streams: true,
  denied: CONVERSE_DENIED,
  request: content => rawRequest('converse-stream', { messages: messages(content) }),
  answer: tokens => streamed(converseStream(tokens)),
  ask: (origin, content) =>
    shown(origin, async client => {
      const command = new ConverseStreamCommand({ modelId: MODEL, messages: messages(content) })
      const { stream } = await client.send(command)
      let [text, finish] = ['', undefined as string | undefined]
      for await (const event of stream ?? []) {
        text += event.contentBlockDelta?.delta?.text ?? ''
        finish = event.messageStop?.stopReason ?? finish
      }
      return { kind: 'answer', text, finish }
    }),
}

const anthropicBody = (content: string) => ({
  anthropic_version: 'bedrock-2023-05-31',
  max_tokens: 100,
  messages: [{ role: 'user', content }],
})
const anthropicMessage = { id: 'msg_bdrk_01up', type: 'message', role: 'assistant', model: 'claude-test' }

const anthropicStream = (tokens: readonly string[]): readonly WireLine[] =>
  [
    {
      type: 'message_start',
      message: {
        ...anthropicMessage,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 3, output_tokens: 1 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...tokens.map(text => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 5 },
    },
    { type: 'message_stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 3, outputTokenCount: 5 } },
  ].map(chunk => ({ chunk }))

const INVOKE_DENIED = { kind: 'answer', finish: 'refusal', separator: '\n\n' } as const
const invocation = (content: string) => ({
  modelId: MODEL,
  contentType: 'application/json',
  accept: 'application/json',
  body: JSON.stringify(anthropicBody(content)),
})

const invoke: ClientDriver = {
  name: 'aws-sdk InvokeModel, Anthropic',
  format: 'bedrock-invoke/anthropic-messages',
  streams: false,
  denied: INVOKE_DENIED,
  request: content => rawRequest('invoke', anthropicBody(content)),
  answer: tokens =>
    whole({
      ...anthropicMessage,
      content: [{ type: 'text', text: tokens.join('') }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 3, output_tokens: 5 },
    }),
  ask: (origin, content) =>
    shown(origin, async client => {
      const { body } = await client.send(new InvokeModelCommand(invocation(content)))
      const answer = JSON.parse(body.transformToString())
      const text = answer.content.map((block: { text?: string }) => block.text ?? '').join('')
      return { kind: 'answer', text, finish: answer.stop_reason }
    }),
}

const invokeStreamed: ClientDriver = {
  name: 'aws-sdk InvokeModelWithResponseStream, Anthropic',
  format: 'bedrock-invoke-stream/anthropic-messages',
  streams: true,
  denied: INVOKE_DENIED,
  request: content => rawRequest('invoke-with-response-stream', anthropicBody(content)),
  answer: tokens => streamed(anthropicStream(tokens)),
  ask: (origin, content) =>
    shown(origin, async client => {
      const { body } = await client.send(new InvokeModelWithResponseStreamCommand(invocation(content)))
      let [text, finish] = ['', undefined as string | undefined]
      for await (const { chunk } of body ?? []) {
        const event = JSON.parse(Buffer.from(chunk?.bytes ?? []).toString())
        text += event.delta?.text ?? ''
        finish = event.delta?.stop_reason ?? finish
      }
      return { kind: 'answer', text, finish }
    }),
}

export const drivers: readonly ClientDriver[] = [converse, converseStreamed, invoke, invokeStreamed]
