import { createRequire } from 'node:module'
import { bench, describe } from 'vitest'
import { CHAT_HEADERS, chatCompletion, chatEvents, chatRequest, JSON_ANSWER } from '../support/chat.ts'
import { loadProtos } from '../support/wire.ts'

/**
 * What one message costs, side by side with a generic codec. Ratios within one run count; the figures are the
 * machine's.
 *
 * What is measured is loaded as Node itself loads it in production. Through the test runner's `import` each call
 * from one module to another goes by way of a getter: two to three times the cost, and for Weir's modules alone.
 */
const load = createRequire(import.meta.url)
const { decodeProcessingRequest }: typeof import('../../src/extproc/decode.ts') = load(
  '../../src/extproc/decode.ts',
)
const { encodeReply }: typeof import('../../src/extproc/encode.ts') = load('../../src/extproc/encode.ts')
const { openaiChat }: typeof import('../../src/llm/openai-chat/index.ts') = load(
  '../../src/llm/openai-chat/index.ts',
)
const { playStream }: typeof import('./stream-cost.ts') = load('./stream-cost.ts')
const { EnvoyModel }: typeof import('../support/envoy-model.ts') = load('../support/envoy-model.ts')
const { flagWord, policy, policySet, rule }: typeof import('../support/policies.ts') =
  load('../support/policies.ts')

const root = loadProtos()
const Request = root.lookupType('envoy.service.ext_proc.v3.ProcessingRequest')
const Response = root.lookupType('envoy.service.ext_proc.v3.ProcessingResponse')

const event = Buffer.from(chatEvents('token')[1]!)
const bodyMessage = Buffer.from(Request.encode({ response_body: { body: event } }).finish())
/** Twelve, as an SDK sends them through a proxy. */
const headers = {
  ...CHAT_HEADERS,
  ':scheme': 'https',
  accept: 'text/event-stream',
  authorization: `Bearer ${'k'.repeat(48)}`,
  'content-length': '1234',
  'user-agent': 'OpenAI/JS 6.1.0',
  'x-forwarded-proto': 'https',
  'x-request-id': '0b8bd0a1-58d1-4b5c-9f3c-3c1b1a2f1d11',
  'x-stainless-lang': 'js',
}
const headersMessage = Buffer.from(
  Request.encode({
    request_headers: {
      headers: {
        headers: Object.entries(headers).map(([key, value]) => ({ key, raw_value: Buffer.from(value) })),
      },
    },
  }).finish(),
)
const streamed = {
  response_body: { response: { body_mutation: { streamed_response: { body: event } } } },
}

/** One message takes less time than reading the clock: a hundred do not. The last result is given back, so used. */
function hundred(doOne: () => unknown): () => void {
  return () => {
    let last: unknown
    for (let i = 0; i < 100; i++) last = doOne()
    return last
  }
}

describe('decode 100 body messages', () => {
  bench(
    'weir',
    hundred(() => decodeProcessingRequest(bodyMessage)),
  )
  bench(
    'protobufjs',
    hundred(() => Request.decode(bodyMessage)),
  )
})

describe('decode 12 headers 100 times', () => {
  bench(
    'weir, two read',
    hundred(() => {
      const { event: decoded } = decodeProcessingRequest(headersMessage)
      if (decoded?.kind !== 'headers') throw new Error('not headers')
      return [decoded.headers.get(':path'), decoded.headers.get(':authority')]
    }),
  )
  bench(
    'protobufjs, none read',
    hundred(() => Request.decode(headersMessage)),
  )
})

describe('encode 100 duplex body replies', () => {
  bench(
    'weir',
    hundred(() => encodeReply({ kind: 'streamed-body', side: 'response', body: event, endOfStream: false })),
  )
  bench(
    'protobufjs',
    hundred(() => Response.encode(streamed).finish()),
  )
})

describe('read one event of a stream', () => {
  const decoder = openaiChat.openStream()
  bench('openai-chat', () => {
    decoder.push(event)
  })
})

const rules = [rule(flagWord('never-there'))]
const policies = policySet(policy({ inputRules: rules, outputRules: rules }))

describe('a whole exchange, without gRPC', () => {
  const request = Buffer.from(chatRequest('x'.repeat(1000)))
  const answer = Buffer.from(chatCompletion('y'.repeat(500)))
  bench('JSON of 1 KB', () => {
    const envoy = new EnvoyModel(policies, { mode: 'full-duplex' })
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', request, 'end')
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', answer, 'end')
  })
  const events = chatEvents(...Array.from({ length: 1000 }, () => 'token ')).map(text => Buffer.from(text))
  bench(
    'stream of 1000 tokens',
    () => {
      playStream(policies, events)
    },
    { iterations: 5 },
  )
})
