import { vi } from 'vitest'
import type { RemoteGuardrail, Verdict } from '../../../src/guardrail/guardrail.ts'
import { withBreaker } from '../../../src/service/breaker.ts'
import { input } from '../guardrail/segments.ts'
import { failed, watch } from './attempt-rig.ts'

export const SUBJECT = input('hello')
export const CLEAN: Verdict = { kind: 'clean' }
export const OPEN_MS = 1000

export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

interface Scan {
  readonly signal: AbortSignal
  give(verdict?: Verdict): void
  fail(error: unknown): void
}

/** A guardrail whose scans a test ends by hand; one that is aborted fails as `cancelled` by itself. */
export function broken({ failureRatio = 0.5, scans = 4 } = {}) {
  const asked: Scan[] = []
  const events: string[] = []
  const guardrail: RemoteGuardrail = {
    name: 'remote',
    locality: 'remote',
    timeoutMs: 500,
    judges: 'each-text',
    scan: (_subject, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<Verdict>()
      asked.push({ signal, give: (verdict = CLEAN) => resolve(verdict), fail: reject })
      signal.addEventListener('abort', () => reject(failed('cancelled')))
      return promise
    },
  }
  const breaker = withBreaker(guardrail, {
    failureRatio,
    scans,
    openMs: OPEN_MS,
    clock: () => performance.now(),
    report: event => events.push(event),
  })
  const scan = (signal = new AbortController().signal) => watch(breaker.scan(SUBJECT, signal))
  /** One scan from its beginning to its end. */
  const once = async (end: Verdict | Error) => {
    const seen = scan()
    const one = asked.at(-1)!
    if (end instanceof Error) one.fail(end)
    else one.give(end)
    await pass(0)
    return seen
  }
  /** Opens it. */
  const open = async () => {
    for (let count = 0; count < scans; count++) await once(down)
    if (events.join() !== 'circuit-open') throw new Error('the circuit did not open')
    asked.length = 0
    events.length = 0
  }
  return { asked, events, breaker, scan, once, open }
}

export const down = failed('unreachable', { detail: 'connection' })
