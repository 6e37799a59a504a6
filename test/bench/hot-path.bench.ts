import { bench, describe } from 'vitest'
import { decodeProcessingRequest } from '../../src/extproc/decode.ts'
import { encodeReply } from '../../src/extproc/encode.ts'
import { openaiChat } from '../../src/llm/openai-chat/index.ts'
import {
  CHAT_HEADERS,
  chatCompletion,
  chatEvents,
  chatRequest,
  JSON_ANSWER,
  STREAM_ANSWER,
} from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { loadProtos } from '../support/wire.ts'

/**
 * What one message costs, side by side with a generic codec. Ratios within one run count; the figures are the
 * machine's.
 */
const root = loadProtos()
const Request = root.lookupType('envoy.service.ext_proc.v3.ProcessingRequest')
const Response = root.lookupType('envoy.service.ext_proc.v3.ProcessingResponse')

const event = Buffer.from(chatEvents('token')[1]!)
const bodyMessage = Buffer.from(Request.encode({ response_body: { body: event } }).finish())
const headersMessage = Buffer.from(
  Request.encode({
    request_headers: {
      headers: {
        headers: Object.entries(CHAT_HEADERS).map(([key, value]) => ({ key, raw_value: Buffer.from(value) })),
      },
    },
  }).finish(),
)
const streamed = {
  response_body: { response: { body_mutation: { streamed_response: { body: event } } } },
}

describe('decode a body message', () => {
  bench('weir', () => {
    decodeProcessingRequest(bodyMessage)
  })
  bench('protobufjs', () => {
    Request.decode(bodyMessage)
  })
})

describe('decode headers and read two', () => {
  bench('weir', () => {
    const { event: headers } = decodeProcessingRequest(headersMessage)
    if (headers?.kind === 'headers') {
      headers.headers.get(':path')
      headers.headers.get(':authority')
    }
  })
  bench('protobufjs', () => {
    Request.decode(headersMessage)
  })
})

describe('encode a duplex body reply', () => {
  bench('weir', () => {
    encodeReply({ kind: 'streamed-body', side: 'response', body: event, endOfStream: false })
  })
  bench('protobufjs', () => {
    Response.encode(streamed).finish()
  })
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
  for (const length of [100, 1000, 10_000]) {
    const events = chatEvents(...Array.from({ length }, () => 'token ')).map(text => Buffer.from(text))
    bench(
      `stream of ${length} events`,
      () => {
        const envoy = new EnvoyModel(policies, { mode: 'full-duplex' })
        envoy.headers('request', CHAT_HEADERS)
        envoy.body('request', request, 'end')
        envoy.headers('response', STREAM_ANSWER)
        for (const one of events) envoy.body('response', one)
        envoy.body('response', '', 'end')
      },
      { iterations: 5 },
    )
  }
})
