import {
  CircuitState,
  CountBreaker,
  circuitBreaker,
  handleType,
  isBrokenCircuitError,
  isTaskCancelledError,
} from 'cockatiel'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail/guardrail.ts'
import { failureDetail, failureReason, GuardrailFailure } from '../guardrail/guardrail.ts'
import { abortFailure } from './http-failure.ts'

export interface BreakerOptions {
  /** Opens when more than this part of the latest scans failed; 1 is never. */
  readonly failureRatio: number
  /** How many of the latest scans count; with fewer it stays closed. */
  readonly scans: number
  readonly openMs: number
  readonly report: (event: 'circuit-closed' | 'circuit-half-open' | 'circuit-open') => void
}

/**
 * The guardrail behind a circuit breaker: while its service keeps failing, scans fail at once as `circuit-open`; after
 * `openMs` one scan may try, the others wait for what it comes to. A verdict closes the circuit, all else opens it
 * again.
 */
export function withBreaker(guardrail: RemoteGuardrail, options: BreakerOptions): RemoteGuardrail {
  if (options.failureRatio >= 1) return guardrail
  const policy = openPolicy(options)
  return {
    ...guardrail,
    async scan(subject, signal) {
      const place = standInLine(signal)
      const run = (): Promise<Verdict> => {
        place.leave()
        return scanOnce(guardrail, subject, signal, policy.state)
      }
      try {
        return await Promise.race([policy.execute(run, signal), place.aborted])
      } catch (error) {
        throw told(error, signal)
      } finally {
        place.leave()
      }
    },
  }
}

function openPolicy({ failureRatio, scans, openMs, report }: BreakerOptions) {
  const policy = circuitBreaker(
    handleType(ScanFault, fault => fault.weight === 'counts'),
    {
      halfOpenAfter: openMs,
      breaker: new CountBreaker({
        // It takes no 0: this is less than any one failure.
        threshold: Math.max(failureRatio, Number.MIN_VALUE),
        size: scans,
        minimumNumberOfCalls: scans,
      }),
    },
  )
  policy.onStateChange(state => report(EVENTS[state]))
  return policy
}

/** A scan that threw, and whether the circuit is to know. */
class ScanFault extends Error {
  readonly thrown: unknown
  readonly weight: 'counts' | 'does-not-count'

  constructor(thrown: unknown, weight: ScanFault['weight']) {
    super('a scan failed')
    this.thrown = thrown
    this.weight = weight
  }
}

/** `stateBefore`: a scan that began while the circuit was closed is no trial, although it may be half open by its end. */
async function scanOnce(
  guardrail: RemoteGuardrail,
  subject: ScanSubject,
  signal: AbortSignal,
  stateBefore: CircuitState,
): Promise<Verdict> {
  try {
    // Waiters are let in together, also those whose scan is over by then.
    if (signal.aborted) throw abortFailure(signal, 'timeout-total')
    return await guardrail.scan(subject, signal)
  } catch (error) {
    const counts = isServiceFault(error) || stateBefore === CircuitState.HalfOpen
    throw new ScanFault(error, counts ? 'counts' : 'does-not-count')
  }
}

/** Who waits for another scan's trial waits no longer than its own signal lets it. */
function standInLine(signal: AbortSignal) {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(abortFailure(signal, 'timeout-total'))
  signal.addEventListener('abort', onAbort, { once: true })
  return { aborted, leave: () => signal.removeEventListener('abort', onAbort) }
}

function told(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof ScanFault) return error.thrown
  if (isBrokenCircuitError(error))
    return new GuardrailFailure('circuit-open', 'the guard service failed too often of late')
  return isTaskCancelledError(error) ? abortFailure(signal, 'timeout-total') : error
}

const EVENTS = {
  [CircuitState.Closed]: 'circuit-closed',
  [CircuitState.HalfOpen]: 'circuit-half-open',
  [CircuitState.Open]: 'circuit-open',
  [CircuitState.Isolated]: 'circuit-open',
} as const

/**
 * What is wrong with the service, and not with this one text, with our own limits, or with who asked. Statuses of 400
 * and the faults of our own code may well be the text's: whoever sends such texts must not close the service to others.
 */
function isServiceFault(error: unknown): boolean {
  switch (failureReason(error)) {
    case 'timeout':
    case 'unreachable':
      return true
    case 'bad-response':
      return failureDetail(error) !== 'status-4xx'
    default:
      return false
  }
}
