import { afterEach, beforeEach, describe, expect } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion } from '../support/chat.ts'
import { FLAG_MARKER, type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { STREAM_TYPE, text } from '../support/stream-events.ts'
import { gate, type UpstreamHandler } from '../support/upstream.ts'
import { fault } from './fault.ts'
import {
  answerOf,
  asksForJson,
  asksForStream,
  type ServedStack,
  startServed,
  UNCHECKED,
} from './served-stack.ts'

/** Why Envoy gave up: no connection to Weir, or one that broke. */
const LOST = /"details":"ext_proc_error_gRPC_error_1[34]\{[^"]*connection_termination/

let lakera: LakeraStub
let stack: ServedStack
let again: Served | undefined
beforeEach(async () => {
  lakera = await startLakeraStub()
})
afterEach(async () => {
  await stack.stop()
  await again?.stop()
  again = undefined
  await lakera.close()
})

/** By the host that the client asks: `requests` and `answers` are judged by Lakera, all else is searched as it comes. */
const config = (): string => `
guardrails:
  lakera: { kind: lakera, lakera_endpoint: "${lakera.url}" }
  words: { kind: keywords, words: [secret] }
policies:
  - { name: requests, match: { hosts: [requests] }, guardrails: [{ use: lakera, direction: input }] }
  - { name: answers, match: { hosts: [answers] }, guardrails: [{ use: lakera, direction: output }] }
  - { name: all, guardrails: [{ use: words, direction: both }], stream: { delivery: window, headers: at_once } }
`
const requests = { headers: { host: 'requests' } }
const answers = { headers: { host: 'answers' } }

/** A stream in which something is held, or a whole answer. */
const upstream: UpstreamHandler = async (request, reply) => {
  const isStream = (await request.complete).toString() === asksForStream
  reply.head(200, isStream ? STREAM_TYPE : { 'content-type': 'application/json' })
  if (!isStream) {
    await reply.send(chatCompletion('an answer'))
    return reply.end()
  }
  await reply.send(text('fine '))
  await reply.send(text('a sec'))
  await gate().opened
}

describe.each(ENVOY_MODES)('in %s', mode => {
  fault(
    {
      fault: 'Weir is killed',
      client: 'of a stream what was cleared, then a cut; else 503 with an API error, `guardrail_unavailable`',
      log: "Envoy's access log: `details` says `ext_proc_error_gRPC_error_13` or `14`",
      kept: 'nothing that was held or still judged comes out, to the client or to the LLM',
    },
    async () => {
      stack = await startServed(config(), { mode })
      stack.upstream.respond(upstream)
      lakera.failAlways({ kind: 'hang' })
      const stream = stack.chat(asksForStream)
      const streamed = await stack.upstream.request(0)
      // In BUFFERED Envoy shows nothing of a stream that goes on.
      if (mode !== 'buffered') await stream.until(text('fine '))
      const whole = stack.chat(asksForJson, answers)
      const asking = stack.chat(asksForJson, requests)
      await lakera.waitForRequests(2)
      stack.weir.signal('SIGKILL')

      for (const client of [whole, asking]) expect(await answerOf(client)).toEqual(UNCHECKED)
      const cut = { status: 200, text: text('fine '), ended: 'cut' }
      expect(await answerOf(stream)).toEqual(mode === 'buffered' ? UNCHECKED : cut)
      await streamed.aborted
      await stack.envoy.logged(LOST)
      expect(stack.upstream.requests).toHaveLength(2)
    },
  )
})

fault(
  {
    fault: 'Weir is down, and started again',
    client: '503 with an API error meanwhile; answers again afterwards',
    log: "Envoy's access log as above; Weir's `serving` once it is up",
    kept: 'what comes meanwhile goes nowhere; Envoy needs no restart',
  },
  async () => {
    stack = await startServed(config())
    stack.weir.signal('SIGKILL')
    await stack.weir.ended
    expect(await answerOf(stack.chat(asksForJson, requests))).toEqual(UNCHECKED)
    expect(stack.upstream.requests).toEqual([])
    again = await serveConfig(config(), {}, stack.weir.address)
    expect(await answerOf(stack.chat(asksForJson, requests))).toEqual({
      status: 200,
      text: '{}',
      ended: 'complete',
    })
    const refused = await answerOf(stack.chat(asksForJson.replace('hello', FLAG_MARKER), requests))
    expect(refused.text).toContain('Request blocked by policy')
    expect(stack.upstream.requests).toHaveLength(1)
  },
)
