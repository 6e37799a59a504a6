import { assertNever } from '../errors.ts'
import type { RemoteGuardrail } from '../guardrail/guardrail.ts'
import { failureDetail, failureReason, GuardrailFailure } from '../guardrail/guardrail.ts'
import type { Clock } from '../guardrail/run-scan.ts'
import { abortFailure } from './http-failure.ts'
import { untilAborted } from './single-flight.ts'

export interface BreakerOptions {
  /** Opens when more than this part of the latest scans failed; 1 is never. */
  readonly failureRatio: number
  /** How many of the latest scans count; with fewer it stays closed. */
  readonly scans: number
  readonly openMs: number
  readonly clock: Clock
  readonly report: (event: 'circuit-closed' | 'circuit-half-open' | 'circuit-open') => void
}

/**
 * The guardrail behind a circuit breaker: while its service keeps failing, scans fail at once as `circuit-open`; after
 * `openMs` one scan may try, the others wait for what it comes to. A verdict closes the circuit, a fault of the service
 * opens it again. Any other end says nothing of the service, and the next in line tries: a scan that was cancelled or
 * is over a limit, but also a status of 400 to 499, since who refuses a request need not be able to judge one.
 */
export function withBreaker(guardrail: RemoteGuardrail, options: BreakerOptions): RemoteGuardrail {
  if (options.failureRatio >= 1) return guardrail
  const circuit = new Circuit(options)
  return {
    ...guardrail,
    async scan(subject, signal) {
      // Who waits for another scan's trial waits no longer than its own signal lets it.
      while (circuit.trial !== undefined && !signal.aborted) await untilAborted(circuit.trial, signal)
      if (signal.aborted) throw abortFailure(signal, 'timeout-total')
      const tell = circuit.enter()
      let end: ScanEnd = 'no-news'
      try {
        const verdict = await guardrail.scan(subject, signal)
        end = 'verdict'
        return verdict
      } catch (error) {
        if (isServiceFault(error)) end = 'fault'
        throw error
      } finally {
        tell(end)
      }
    },
  }
}

/** What a scan's end says of the service. */
type ScanEnd = 'verdict' | 'fault' | 'no-news'

type State =
  /** `latest`: how the latest scans ended, at most as many as count, the newest last. */
  | { readonly kind: 'closed'; readonly latest: ('verdict' | 'fault')[] }
  /** By `clock`: the wall clock may jump, and would leave a service unasked for as long. */
  | { readonly kind: 'open'; readonly untilMs: number }
  /** `trial` resolves when the one scan that may try has ended; undefined when the next one may. */
  | { readonly kind: 'half-open'; readonly trial: Promise<void> | undefined }

class Circuit {
  readonly #options: BreakerOptions
  #state: State = { kind: 'closed', latest: [] }

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  /** While one scan tries: resolves when it has ended, whatever it came to. Then look again. */
  get trial(): Promise<void> | undefined {
    return this.#state.kind === 'half-open' ? this.#state.trial : undefined
  }

  /**
   * Begins a scan; not while another one tries. Whoever begins must tell, once, how it ended: a trial's end is what
   * others wait for. Throws GuardrailFailure `circuit-open`.
   */
  enter(): (end: ScanEnd) => void {
    const state = this.#state
    switch (state.kind) {
      case 'closed':
        return end => {
          // What began before the circuit opened is no news of the service as it is now.
          if (this.#state === state && end !== 'no-news') this.#count(state.latest, end)
        }
      case 'open':
        if (this.#options.clock() < state.untilMs)
          throw new GuardrailFailure('circuit-open', 'the guard service failed too often of late')
        this.#options.report('circuit-half-open')
        return this.#beginTrial()
      case 'half-open':
        return this.#beginTrial()
      default:
        return assertNever(state)
    }
  }

  #count(latest: ('verdict' | 'fault')[], end: 'verdict' | 'fault'): void {
    const { failureRatio, scans } = this.#options
    latest.push(end)
    if (latest.length > scans) latest.shift()
    if (end === 'verdict' || latest.length < scans) return
    const faults = latest.filter(one => one === 'fault').length
    if (faults / scans > failureRatio) this.#open()
  }

  #beginTrial(): (end: ScanEnd) => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#state = { kind: 'half-open', trial: promise }
    return end => {
      // All who wait look again, in their order: the first of them to see no trial begins one.
      resolve()
      switch (end) {
        case 'verdict':
          this.#state = { kind: 'closed', latest: [] }
          this.#options.report('circuit-closed')
          return
        case 'fault':
          this.#open()
          return
        case 'no-news':
          this.#state = { kind: 'half-open', trial: undefined }
          return
        default:
          assertNever(end)
      }
    }
  }

  #open(): void {
    this.#state = { kind: 'open', untilMs: this.#options.clock() + this.#options.openMs }
    this.#options.report('circuit-open')
  }
}

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
