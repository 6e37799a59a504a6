import type protobuf from 'protobufjs'
import { loadProtos } from '../support/wire.ts'

/** How Envoy sends bodies: full duplex both ways, or a BUFFERED request and a STREAMED answer. */
export type BenchMode = 'duplex' | 'streamed'

const BODY_MODES = {
  duplex: { request_body_mode: 4, response_body_mode: 4 },
  streamed: { request_body_mode: 2, response_body_mode: 1 },
} as const

const TEXT = 'The quick brown fox jumps over. '.repeat(32).slice(0, 1024 - 200)
const ANSWER = Buffer.from(
  `{"id":"chatcmpl-9abcdefABCDEF0123456789","object":"chat.completion","created":1732000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"${'Lorem ipsum dolor sit amet '.repeat(20)}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":100,"total_tokens":200}}`,
)

const Request: protobuf.Type = loadProtos().lookupType('envoy.service.ext_proc.v3.ProcessingRequest')

function encode(message: Record<string, unknown>): Buffer {
  return Buffer.from(Request.encode(message).finish())
}

function headers(values: Readonly<Record<string, string>>): Record<string, unknown> {
  const list = Object.entries(values).map(([key, value]) => ({ key, raw_value: Buffer.from(value) }))
  return { headers: { headers: list } }
}

function request(mode: BenchMode, answer: 'json' | 'stream', text: string = TEXT): readonly Buffer[] {
  const body = `{"model":"gpt-4o-mini","stream":${answer === 'stream'},"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"${text}"}],"temperature":0.7}`
  const head = headers({
    ':authority': 'llm.local',
    ':path': '/v1/chat/completions',
    ':method': 'POST',
    ':scheme': 'http',
    'content-type': 'application/json',
    authorization: 'Bearer sk-test',
    'user-agent': 'bench',
    'content-length': String(body.length),
    'x-forwarded-proto': 'http',
  })
  return [
    encode({ request_headers: head, protocol_config: BODY_MODES[mode] }),
    encode({ request_body: { body: Buffer.from(body), end_of_stream: true } }),
  ]
}

function event(number: number): Buffer {
  const token = String(number % 10_000).padStart(4, '0')
  return Buffer.from(
    `data: {"id":"chatcmpl-9abcdefABCDEF0123456789","object":"chat.completion.chunk","created":1732000000,"model":"gpt-4o-mini-2024-07-18","t":${1_732_000_000_000 + number},"choices":[{"index":0,"delta":{"content":" token${token}"},"finish_reason":null}]}\n\n`,
  )
}

/** What Envoy sends in one exchange of a JSON answer and a request: of 1 KB, or with a text of its own. */
export function jsonExchange(mode: BenchMode, text?: string): readonly Buffer[] {
  const head = {
    ':status': '200',
    'content-type': 'application/json',
    'content-length': String(ANSWER.byteLength),
  }
  return [
    ...request(mode, 'json', text),
    encode({ response_headers: headers(head) }),
    encode({ response_body: { body: ANSWER, end_of_stream: true } }),
  ]
}

/** The same with an answer that streams, an event in each of so many chunks. */
export function streamExchange(mode: BenchMode, chunks: number): readonly Buffer[] {
  return [
    ...request(mode, 'stream'),
    encode({ response_headers: headers({ ':status': '200', 'content-type': 'text/event-stream' }) }),
    ...Array.from({ length: chunks }, (_, number) => encode({ response_body: { body: event(number) } })),
    encode({ response_body: { body: Buffer.from('data: [DONE]\n\n') } }),
    encode({ response_body: { end_of_stream: true } }),
  ]
}
