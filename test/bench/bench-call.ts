import { readFileSync } from 'node:fs'
import { contentCodings } from '../../src/coding/codings.ts'
import { readBody } from '../../src/exchange/body-reading.ts'
import { ByteLedger } from '../../src/extproc/byte-ledger.ts'
import { Call } from '../../src/extproc/call.ts'
import type { CallDeps, PolicyPin } from '../../src/extproc/call-deps.ts'
import { randomIds } from '../../src/extproc/random-id.ts'
import { ShadowScans } from '../../src/extproc/shadow-scans.ts'
import type { Rpc } from '../../src/grpc/rpc.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createScrubber } from '../../src/telemetry/scrub.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { snapshotOf } from '../support/config.ts'

/** What a call runs on, with the real guardrail, log and metrics, and without a transport. */
export interface BenchDeps {
  readonly deps: CallDeps
  close(): Promise<void>
}

export function openBenchDeps(): BenchDeps {
  const snapshot = snapshotOf(readFileSync(new URL('./keyword.yaml', import.meta.url), 'utf8'))
  const metrics = createMetrics()
  const log = createLog({ level: snapshot.server.log.level, scrubber: createScrubber() })
  const pin: PolicyPin = { policies: snapshot.policySet, release() {} }
  return {
    deps: {
      telemetry: createTelemetry(log, metrics),
      pin: () => pin,
      codings: contentCodings,
      reader: {
        read: (job, done) => {
          done(readBody(job, contentCodings))
          return () => {}
        },
      },
      shadows: new ShadowScans(1),
      ledger: new ByteLedger(1_000_000_000, metrics.held),
      clock: () => performance.now(),
      unixSeconds: () => Math.floor(Date.now() / 1000),
      newId: randomIds(),
    },
    async close() {
      metrics.close()
      await snapshot.close()
    },
  }
}

/** Takes what a call writes, and is never full. */
export class Peer implements Rpc {
  writes = 0
  readonly waitingBytes = 0
  readonly unsentBytes = 0
  readonly #traceparent: string | undefined

  /** `traceparent`: of an Envoy that traces. */
  constructor(traceparent?: string) {
    this.#traceparent = traceparent
  }

  metadata(key: string): string | undefined {
    return key === 'traceparent' ? this.#traceparent : undefined
  }
  write(_message: Buffer): 'more' {
    this.writes += 1
    return 'more'
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  fail(_code: number, details: string): never {
    throw new Error(details)
  }
}

/** One call from its first message to its end. */
export function play(messages: readonly Buffer[], deps: CallDeps, traceparent?: string): void {
  const peer = new Peer(traceparent)
  const call = new Call(peer, deps, () => {})
  for (const message of messages) call.onMessage(message)
  call.onHalfClose()
  if (peer.writes < 4) throw new Error(`${peer.writes} replies to ${messages.length} messages`)
}
