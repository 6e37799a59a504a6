import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { type Bootstrap, clusterOf, extProcOf } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { type EnvoyOptions, type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { type LogLine, type Served, serveConfig } from '../support/served.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { gate, startUpstream, type Upstream } from '../support/upstream.ts'
import { fault, faultCases } from './fault.ts'
import { answerOf, asksForJson, asksForStream, chat, UNCHECKED } from './served-stack.ts'

const MAX_BODY_BYTES = 100_000
/** What Weir takes as one gRPC message. */
const MAX_MESSAGE_BYTES = MAX_BODY_BYTES + 1_048_576

let weir: Served
let upstream: Upstream
let envoy: RunningEnvoy
beforeAll(async () => {
  upstream = await startUpstream()
  weir = await serveConfig(`
server: { log: { level: debug } }
guardrails: { words: { kind: keywords, words: [secret] } }
policies:
  - name: all
    guardrails: [{ use: words, direction: both }]
    limits: { max_request_bytes: ${MAX_BODY_BYTES}, max_response_bytes: ${MAX_BODY_BYTES} }
`)
})
afterEach(() => envoy.stop())
afterAll(async () => {
  await upstream.stop()
  await weir.stop()
})

async function start(
  mode: EnvoyOptions['mode'],
  overrides?: (bootstrap: Bootstrap) => void,
): Promise<{ readonly asked: number; newLines(message: string): readonly LogLine[] }> {
  envoy = await startEnvoy({ mode, weirAddress: weir.address, upstreamAddress: upstream.address, overrides })
  const before = weir.lines.length
  return {
    asked: upstream.requests.length,
    newLines: message => weir.lines.slice(before).filter(({ msg }) => msg === message),
  }
}

const bufferOf =
  (bytes: number) =>
  (bootstrap: Bootstrap): void => {
    bootstrap.static_resources.listeners[0].per_connection_buffer_limit_bytes = bytes
    clusterOf(bootstrap, 'llm').per_connection_buffer_limit_bytes = bytes
  }

const large = (bytes: number): string => chatRequest('x'.repeat(bytes))

fault(
  {
    fault: "a request is larger than Envoy's buffer (BUFFERED)",
    client: '413 with an API error, `request_too_large`',
    log: "`request_payload_too_large` in Envoy's access log; `decision` with `discarded`",
    kept: 'the LLM gets nothing; the answer of Envoy passes Weir as no answer of the LLM',
  },
  async () => {
    const { asked, newLines } = await start('buffered', bufferOf(16_384))
    const { status, text, ended } = await answerOf(chat(envoy, large(300_000)))
    expect([status, ended]).toEqual([413, 'complete'])
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'request_too_large' } })
    await envoy.logged(/"details":"request_payload_too_large"/)
    expect(upstream.requests).toHaveLength(asked)
    await vi.waitFor(() =>
      expect(newLines('decision')).toMatchObject([
        { phase: 'request', effective: 'discarded', bytesReleased: 0 },
      ]),
    )
    expect(newLines('fault')).toEqual([])
  },
)

fault(
  {
    fault: "an answer is larger than Envoy's buffer (BUFFERED)",
    client: '500 with an API error, `guardrail_unavailable`',
    log: "`response_payload_too_large` in Envoy's access log; `decision` with `discarded`",
    kept: 'nothing of the answer comes out',
  },
  async () => {
    const { newLines } = await start('buffered', bufferOf(16_384))
    const whole = chatCompletion('y'.repeat(300_000))
    upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [whole] })
    const { status, text } = await answerOf(chat(envoy, asksForJson))
    expect(status).toBe(500)
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'guardrail_unavailable' } })
    await envoy.logged(/"details":"response_payload_too_large"/)
    const discarded = { phase: 'response', effective: 'discarded', because: 'cancelled', bytesReleased: 0 }
    await vi.waitFor(() => expect(newLines('decision').at(-1)).toMatchObject(discarded))
  },
)

fault(
  {
    fault: 'a body is larger than the largest gRPC message (BUFFERED, with a large buffer)',
    client: '503 with an API error',
    log: "`ext_proc_error_gRPC_error_8` (RESOURCE_EXHAUSTED) in Envoy's access log",
    kept: 'the LLM gets nothing',
  },
  async () => {
    const { asked, newLines } = await start('buffered', bufferOf(8 * 1_048_576))
    expect(await answerOf(chat(envoy, large(MAX_MESSAGE_BYTES)))).toEqual(UNCHECKED)
    await envoy.logged(/"details":"ext_proc_error_gRPC_error_8\{/)
    expect(upstream.requests).toHaveLength(asked)
    expect(newLines('fault')).toEqual([])
    upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [chatCompletion('fine')] })
    expect((await answerOf(chat(envoy, asksForJson))).text).toBe(chatCompletion('fine'))
  },
)

faultCases(
  {
    fault: 'Envoy is set to show a part of a body, or none (BUFFERED_PARTIAL, NONE)',
    client: '503 with an API error, to every request that a policy wants to see that body of',
    log: '`exchange refused` with the reason, the key to set and the id; `weir_refused_total`',
    kept: 'nothing passes half seen',
  },
  () => {
    test.each([
      ['request', 'BUFFERED_PARTIAL'],
      ['request', 'NONE'],
      ['response', 'BUFFERED_PARTIAL'],
      ['response', 'NONE'],
    ])('of the %s: %s', async (side, bodyMode) => {
      const { asked, newLines } = await start('buffered', bootstrap => {
        Object.assign(Object(extProcOf(bootstrap).processing_mode), { [`${side}_body_mode`]: bodyMode })
      })
      const refusedSoFar = async () => /^weir_refused_total (\d+)$/m.exec(await weir.page('/metrics'))?.[1]
      const before = Number(await refusedSoFar())
      expect(await answerOf(chat(envoy, asksForJson))).toEqual(UNCHECKED)
      const why = expect.stringContaining(`set processing_mode.${side}_body_mode to FULL_DUPLEX_STREAMED`)
      const refusal = { level: 'error', why, exchangeId: expect.stringMatching(/^[0-9a-f]{32}$/) }
      await vi.waitFor(() => expect(newLines('exchange refused')).toMatchObject([refusal]))
      expect(Number(await refusedSoFar())).toBe(before + 1)
      expect(upstream.requests).toHaveLength(asked)
      await envoy.logged(/"details":"ext_proc_error_gRPC_error_9\{/)
    })
  },
)

fault(
  {
    fault: "there are more exchanges than the circuit breaker of Envoy's cluster lets to Weir (max_requests)",
    client: 'those too many: 503 with an API error, at once; the others: their answers',
    log: "`ext_proc_error_gRPC_error_14{…overflow}` in Envoy's access log",
    kept: 'the LLM is not asked by those too many; no running exchange is harmed',
  },
  async () => {
    const { asked } = await start('full-duplex', bootstrap => {
      clusterOf(bootstrap, 'weir').circuit_breakers = { thresholds: [{ max_requests: 3 }] }
    })
    const rest = gate()
    const [first, ...others] = chatEvents('an ', 'answer')
    upstream.respond({ headers: STREAM_TYPE, chunks: [first!, rest, ...others] })
    const running = Array.from({ length: 3 }, () => chat(envoy, asksForStream))
    await Promise.all(running.map(client => client.head))
    for (let count = 0; count < 5; count++) {
      expect(await answerOf(chat(envoy, asksForStream))).toEqual(UNCHECKED)
    }
    await envoy.logged(/"details":"ext_proc_error_gRPC_error_14\{[^"]*overflow/)
    expect(upstream.requests).toHaveLength(asked + 3)
    rest.open()
    for (const client of running) {
      const whole = [first, ...others].join('')
      expect(await answerOf(client)).toEqual({ status: 200, text: whole, ended: 'complete' })
    }
  },
)

fault(
  {
    fault: 'more exchanges come than `server.max_exchanges`',
    client: '503 for those beyond; the others as ever',
    log: '`exchanges turned away`, once a minute; `weir_exchanges_turned_away_total`',
    kept: 'those that are open go on to their end, and their places are free again then',
  },
  async () => {
    const small = await serveConfig(`
server: { max_exchanges: 1 }
guardrails: { words: { kind: keywords, words: [secret] } }
policies: [{ name: all, guardrails: [{ use: words, direction: both }] }]
`)
    try {
      envoy = await startEnvoy({
        mode: 'full-duplex',
        weirAddress: small.address,
        upstreamAddress: upstream.address,
      })
      const rest = gate()
      const [first, ...others] = chatEvents('fine')
      upstream.respond({ headers: STREAM_TYPE, chunks: [first!, rest, ...others] })
      const open = chat(envoy, asksForStream)
      const asked = upstream.requests.length
      await vi.waitUntil(() => upstream.requests.length === asked + 1)
      expect(await answerOf(chat(envoy, asksForJson))).toMatchObject({ status: 503 })
      await small.logged('exchanges turned away: server.max_exchanges are open')
      expect(await small.page('/metrics')).toMatch(/^weir_exchanges_turned_away_total 1$/m)
      expect(upstream.requests).toHaveLength(asked + 1)
      rest.open()
      expect((await answerOf(open)).ended).toBe('complete')
      upstream.respond({ chunks: [chatCompletion('fine')], headers: { 'content-type': 'application/json' } })
      await vi.waitUntil(async () => (await answerOf(chat(envoy, asksForJson))).status === 200)
    } finally {
      await small.stop()
    }
  },
)
