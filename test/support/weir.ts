import { randomUUID } from 'node:crypto'
import { contentCodings } from '../../src/coding/codings.ts'
import type { Counted, ExchangeEnd, SetupGap } from '../../src/exchange/events.ts'
import type { DecisionRecord } from '../../src/exchange/record.ts'
import { ByteLedger } from '../../src/extproc/byte-ledger.ts'
import type { CallTelemetry, Tracing } from '../../src/extproc/call-deps.ts'
import { createExtProcService, type ExtProcService } from '../../src/extproc/service.ts'
import { ShadowScans } from '../../src/extproc/shadow-scans.ts'
import type { PolicySet } from '../../src/policy/policy.ts'
import { ThreadReader } from '../../src/reading/thread-reader.ts'
import { engineOfTests } from './engine.ts'

/** Remembers what the processor told, and lets a test wait for it. */
export class RecordingTelemetry implements CallTelemetry {
  readonly records: DecisionRecord[] = []
  readonly counts: Counted[] = []
  readonly windows: number[] = []
  readonly ends: ExchangeEnd[] = []
  readonly refusals: string[] = []
  readonly unenforcedPolicies: string[] = []
  readonly gaps: SetupGap[] = []
  turnedAwayCount = 0
  overBudgetCount = 0
  readonly faults: unknown[] = []
  opened = 0
  heldBytes = 0
  readonly #waiting = new Set<() => void>()

  exchangeOpened(): void {
    this.opened += 1
    this.#changed()
  }
  exchangeEnded(how: ExchangeEnd): void {
    this.ends.push(how)
    this.#changed()
  }
  decision(record: DecisionRecord): void {
    this.records.push(record)
    this.#changed()
  }
  count(what: Counted): void {
    this.counts.push(what)
    this.#changed()
  }
  windowScanned(chars: number): void {
    this.windows.push(chars)
    this.#changed()
  }
  held(deltaBytes: number): void {
    this.heldBytes += deltaBytes
    this.#changed()
  }
  refused(why: string): void {
    this.refusals.push(why)
    this.#changed()
  }
  setupGap(gap: SetupGap): void {
    this.gaps.push(gap)
    this.#changed()
  }
  turnedAway(): void {
    this.turnedAwayCount += 1
    this.#changed()
  }
  overBudget(): void {
    this.overBudgetCount += 1
    this.#changed()
  }
  unenforced(policy: string): void {
    this.unenforcedPolicies.push(policy)
    this.#changed()
  }
  fault(error: unknown): void {
    this.faults.push(error)
    this.#changed()
  }

  /** Resolves when `holds` does; looks again at every report. */
  until(holds: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const look = (): void => {
        if (!holds()) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** The decision about a phase, waited for: Envoy may be done with the client before the record is written. */
  async decided(phase: DecisionRecord['phase']): Promise<DecisionRecord> {
    const find = (): DecisionRecord | undefined => this.records.find(record => record.phase === phase)
    await this.until(() => find() !== undefined)
    return find()!
  }

  clear(): void {
    this.records.length = 0
    this.counts.length = 0
    this.ends.length = 0
    this.refusals.length = 0
    this.unenforcedPolicies.length = 0
    this.faults.length = 0
  }

  #changed(): void {
    for (const look of [...this.#waiting]) look()
  }
}

export interface RunningWeir {
  readonly address: string
  readonly telemetry: RecordingTelemetry
  readonly service: ExtProcService
  /** What new exchanges get. */
  policies: PolicySet
  /** Exchanges that have not released their policies. */
  readonly pins: number
  stop(): Promise<void>
}

/** The gRPC room as the server runs it, in this process, with policies that a test sets. */
export async function startWeir(
  policies: PolicySet,
  maxBytes = Number.POSITIVE_INFINITY,
  tracing?: Tracing,
): Promise<RunningWeir> {
  const telemetry = new RecordingTelemetry()
  const running = { policies, pins: 0 }
  const service = createExtProcService(
    {
      telemetry,
      tracing,
      pin() {
        let state: 'pinned' | 'released' = 'pinned'
        running.pins += 1
        return {
          policies: running.policies,
          release() {
            if (state === 'released') throw new Error('a pin is released twice')
            state = 'released'
            running.pins -= 1
          },
        }
      },
      codings: contentCodings,
      reader: new ThreadReader(error => telemetry.fault(error)),
      shadows: new ShadowScans(100),
      ledger: new ByteLedger(maxBytes, delta => telemetry.held(delta)),
      clock: () => performance.now(),
      unixSeconds: () => Math.floor(Date.now() / 1000),
      newId: () => randomUUID().replaceAll('-', ''),
    },
    {
      maxBodyBytes: 64 * 1024 * 1024,
      nodeVersion: process.versions.node,
      createEngine: engineOfTests(),
    },
  )
  const address = await service.listen('127.0.0.1:0')
  return Object.assign(running, {
    address,
    telemetry,
    service,
    async stop() {
      await service.drain(0)
      // However its exchanges ended: what one pins is never closed.
      if (running.pins !== 0) throw new Error(`${running.pins} exchanges still pin their policies`)
    },
  })
}
