import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { faultCases } from './fault.ts'

const SPANS_THAT_WAIT = 8

let upstream: Upstream
let collector: OtlpReceiver
let weir: Served
let envoy: RunningEnvoy | undefined
beforeAll(async () => {
  upstream = await startUpstream()
  upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [chatCompletion('fine')] })
})
afterAll(() => upstream?.stop())
beforeEach(async () => {
  collector = await startOtlpReceiver()
  const telemetry = {
    otlp: { endpoint: collector.origin, timeout_ms: 60_000 },
    traces: { delay_ms: 10, max_queued: SPANS_THAT_WAIT },
  }
  const guardrails = { words: { kind: 'keywords', words: ['forbidden-word'] } }
  const policies = [{ name: 'chat', guardrails: [{ use: 'words', direction: 'both' }] }]
  weir = await serveConfig(stringify({ server: { telemetry }, guardrails, policies }))
  envoy = await startEnvoy({
    mode: 'full-duplex',
    weirAddress: weir.address,
    upstreamAddress: upstream.address,
  })
})
afterEach(async () => {
  await envoy?.stop()
  await weir.stop()
  await collector.close()
})

async function ask(text: string): Promise<string> {
  const response = await fetch(`${envoy!.address}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: chatRequest(text),
  })
  return response.text()
}

faultCases(
  {
    fault: 'the collector of traces and metrics is gone, or answers nothing',
    client: 'its answer, or the refusal of what is flagged, as ever',
    log: '`telemetry not exported` once a minute; `weir_spans_dropped_total`, `weir_otlp_exports_total`',
    kept: 'every exchange is judged; spans wait up to `max_queued`, then they are dropped and counted; Weir ends in time',
  },
  () => {
    test.each(['gone', 'silent'] as const)('%s', async how => {
      if (how === 'gone') await collector.close()
      else collector.fault = { kind: 'hang' }
      // Each exchange is a span and its two scans.
      for (let i = 0; i < SPANS_THAT_WAIT; i++) {
        expect(await ask('hello')).toContain('fine')
        expect(await ask('a forbidden-word')).toContain('Request blocked')
      }
      await vi.waitUntil(async () => /why="queue-full"\} \d/.test(await weir.page('/metrics')), {
        interval: 20,
      })
      await envoy?.stop()
      weir.signal('SIGTERM')
      expect(await weir.ended).toBe(0)
      const lost = weir.lines.filter(({ msg }) => msg === 'telemetry not exported')
      // At most one of each signal in a minute, and the test takes less.
      expect(lost.length).toBeGreaterThan(0)
      expect(lost.length).toBeLessThanOrEqual(2)
    })
  },
)
