import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest'
import { type Bootstrap, connectionManagerOf } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { flagWordAsItGrows, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { policyOf } from '../support/stream-ways.ts'
import { fault } from './fault.ts'
import { connectH2, type H2Client } from './h2-client.ts'

const takeRequestTrailers = (bootstrap: Bootstrap): void => {
  Object.assign(connectionManagerOf(bootstrap), { http_protocol_options: { enable_trailers: true } })
}
const TRAILERS = { 'grpc-status': '0', 'x-end': 'of it' }

describe.each(['full-duplex', 'streamed'] as const)('in %s, over HTTP/2 on both sides', mode => {
  let stack: Stack
  let client: H2Client
  beforeAll(async () => {
    stack = await startStack(mode, { upstreamProtocol: 'http2', overrides: takeRequestTrailers })
  })
  beforeEach(async () => {
    client = await connectH2(stack.envoy.address)
    const way = { delivery: 'window', guard: 'local', headers: 'at_once' } as const
    const rules = [rule(flagWordAsItGrows('secret'))]
    const stream = { heartbeatMs: 600_000 }
    stack.use(policySet(policyOf(way, { stream, inputRules: rules, outputRules: rules })))
  })
  afterEach(() => client.close())
  afterAll(() => stack.stop())

  const PATH = '/v1/chat/completions'

  fault(
    {
      fault: 'a request and its answer end in trailers',
      client: 'the whole answer and its trailers, streamed or as JSON',
      log: 'a `decision` with `released` for either',
      kept: 'every byte; trailers that come unannounced end no body unjudged',
    },
    async () => {
      const json = { 'content-type': 'application/json', 'content-length': chatCompletion('all fine').length }
      for (const [body, headers, chunks] of [
        [chatRequest('hello', { stream: true }), STREAM_TYPE, chatEvents('all ', 'fine')],
        [chatRequest('hello'), json, [chatCompletion('all fine')]],
      ] as const) {
        const asked = stack.upstream.requests.length
        stack.upstream.respond({ headers, chunks, trailers: TRAILERS })
        const exchange = client.send(PATH, body, { te: 'trailers' }, { 'x-last': 'word' })
        expect(await exchange.ended).toBe('complete')
        expect([exchange.text, exchange.trailers]).toEqual([
          chunks.join(''),
          expect.objectContaining(TRAILERS),
        ])
        const request = await stack.upstream.request(asked)
        expect((await request.complete).toString()).toBe(body)
        expect(await stack.weir.telemetry.decided('response')).toMatchObject({ effective: 'released' })
      }
    },
  )

  const isStreamed = mode === 'streamed'
  fault(
    {
      fault: 'an answer as JSON says no length, and ends in trailers',
      client: 'full duplex: all of it; STREAMED: 503 with an API error',
      log: "a `decision` with `released`; STREAMED: with `discarded`, and the reason in Envoy's access log",
      kept: 'every byte; STREAMED: nothing comes out, since Envoy leaves no place for what is held',
    },
    async () => {
      const json = { 'content-type': 'application/json' }
      stack.upstream.respond({ headers: json, chunks: [chatCompletion('all fine')], trailers: TRAILERS })
      const exchange = client.send(PATH, chatRequest('hello'))
      expect(await exchange.ended).toBe('complete')
      const { ':status': status } = await exchange.head
      expect(status).toBe(isStreamed ? 503 : 200)
      if (!isStreamed) expect(exchange.text).toBe(chatCompletion('all fine'))
      const record = await stack.weir.telemetry.decided('response')
      expect(record.effective).toBe(isStreamed ? 'discarded' : 'released')
      if (isStreamed) await stack.envoy.logged(/trailers(%20|_)ended\1a\1STREAMED\1body/)
    },
  )

  fault(
    {
      fault: 'what is to be denied ends in trailers',
      client: 'the refusal',
      log: 'a `decision` with `denied`, `flagged`',
      kept: 'of a request nothing reaches the LLM, of an answer nothing the client',
    },
    async () => {
      const asked = stack.upstream.requests.length
      const request = client.send(PATH, chatRequest('a secret'), { te: 'trailers' }, { 'x-last': 'word' })
      expect(await request.ended).toBe('complete')
      expect(request.text).toContain('Request blocked by policy')
      expect(stack.upstream.requests).toHaveLength(asked)

      stack.upstream.respond(async (asking, reply) => {
        await asking.complete
        reply.head(200, STREAM_TYPE)
        // Once the refusal is out, Envoy resets what is left.
        for (const event of chatEvents('a sec', 'ret')) await reply.send(event).catch(() => {})
        reply.end(TRAILERS)
      })
      const answer = client.send(PATH, chatRequest('hello', { stream: true }))
      expect(await answer.ended).toBe('complete')
      expect(answer.text).toContain('Response blocked by policy')
      expect(answer.text).not.toContain('a sec')
      const denied = stack.weir.telemetry.records.filter(({ effective }) => effective === 'denied')
      expect(denied.map(({ phase, because }) => [phase, because])).toEqual([
        ['request', 'flagged'],
        ['response', 'flagged'],
      ])
    },
  )

  fault(
    {
      fault: 'gRPC passes the same route',
      client: 'its answer, and its status in the trailers',
      log: '`weir_unsupported_total`',
      kept: 'every byte; it is not judged, as `fail_mode: skip` says',
    },
    async () => {
      const message = '\0\0\0\0\u0003abc'
      const headers = { 'content-type': 'application/grpc', te: 'trailers' }
      stack.upstream.respond({ headers, chunks: [message], trailers: TRAILERS })
      const asked = stack.upstream.requests.length
      const call = client.send('/acme.Service/Call', message, headers)
      expect(await call.ended).toBe('complete')
      expect([call.text, call.trailers]).toEqual([message, expect.objectContaining(TRAILERS)])
      expect((await (await stack.upstream.request(asked)).complete).toString()).toBe(message)
      expect(stack.weir.telemetry.counts).toEqual(['unsupported'])
    },
  )
})
