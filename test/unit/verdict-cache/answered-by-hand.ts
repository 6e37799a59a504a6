import type { RemoteGuardrail, ScanSubject, Verdict } from '../../../src/guardrail/guardrail.ts'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'

export interface Call {
  readonly subject: ScanSubject
  readonly signal: AbortSignal
  readonly answer: (verdict: Verdict) => void
  readonly fail: (error: unknown) => void
}

/** A service whose every call a test answers by hand. */
export function service(judges?: 'each-text') {
  const calls: Call[] = []
  const guardrail: RemoteGuardrail = {
    name: 'guard',
    locality: 'remote',
    timeoutMs: 1234,
    judges,
    scan: (subject, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<Verdict>()
      calls.push({ subject, signal, answer: resolve, fail: reject })
      const abort = () => reject(new GuardrailFailure('cancelled', 'aborted'))
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort)
      return promise
    },
  }
  return { guardrail, calls }
}

/** Until what was started has gone as far as it can by itself. */
export const settled = () => new Promise(resolve => setImmediate(resolve))
