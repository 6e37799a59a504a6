import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { exportingWeir } from '../support/exporting-weir.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts'
import type { Served } from '../support/served.ts'
import { faultCases } from './fault.ts'

const SPANS_THAT_WAIT = 8

let collector: OtlpReceiver
let weir: Served
afterEach(() => collector.close())
const { serve, ask, stopEnvoy } = exportingWeir()
beforeEach(async () => {
  collector = await startOtlpReceiver()
  weir = await serve({
    otlp: { endpoint: collector.origin, timeout_ms: 60_000 },
    traces: { delay_ms: 10, max_queued: SPANS_THAT_WAIT },
  })
})

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
      await stopEnvoy()
      weir.signal('SIGTERM')
      expect(await weir.ended).toBe(0)
      const lost = weir.lines.filter(({ msg }) => msg === 'telemetry not exported')
      // At most one of each signal in a minute, and the test takes less.
      expect(lost.length).toBeGreaterThan(0)
      expect(lost.length).toBeLessThanOrEqual(2)
    })
  },
)
