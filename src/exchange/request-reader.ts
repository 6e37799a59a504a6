import { assertNever } from '../errors.ts'
import type { TextSegment } from '../llm/format.ts'
import type { ReadJob, ReadResult } from './body-reading.ts'
import type { ScanLifetime } from './events.ts'
import type { ExchangeHost } from './host.ts'
import type { GuardedRequest } from './known-request.ts'
import type { RequestBody } from './request-body.ts'
import { readingOf } from './request-reading.ts'
import type { Upstream } from './upstream.ts'

/** Has a request's body read, and settles what came of it where no rule has to look. */
export class RequestReader {
  readonly #host: ExchangeHost
  readonly #upstream: Upstream
  readonly #guarded: GuardedRequest
  readonly #body: RequestBody

  constructor(host: ExchangeHost, upstream: Upstream, guarded: GuardedRequest, body: RequestBody) {
    this.#host = host
    this.#upstream = upstream
    this.#guarded = guarded
    this.#body = body
  }

  /** `done` is called at once for most bodies, and later for one that would hold up others. */
  read(form: 'as-it-came' | 'canonical', lifetime: ScanLifetime, done: (result: ReadResult) => void): void {
    const { format } = this.#guarded
    const whole = this.#body.whole(this.#host.init.roomBytes())
    const job: ReadJob = { kind: 'request', ...whole, format, place: this.#upstream.known.head.place, form }
    this.#host.openRead(job, lifetime, done)
  }

  /** Refuses the request or lets it go on, by what it holds; returns its texts where rules have to judge them. */
  settle(result: ReadResult): readonly TextSegment[] | undefined {
    if (result.kind !== 'request') {
      this.#upstream.fault(result.kind === 'fault' ? result.reason : 'internal')
      return undefined
    }
    const reading = readingOf(
      result,
      this.#guarded.policy,
      this.#upstream.known.head.headers?.get('content-type'),
    )
    if (reading.kind === 'undecodable') {
      this.#upstream.fault('undecodable', reading.status)
      return undefined
    }
    this.#body.wasRead(result.body)
    this.#upstream.known.wasRead(reading.request, result.body)
    if (result.canonical !== undefined) this.#canonicalize(result.canonical)
    if (reading.request !== undefined && reading.request.uninspectable > 0) {
      this.#host.emit({ kind: 'count', what: 'uninspectable' })
    }
    switch (reading.kind) {
      case 'texts':
        return reading.request.segments
      case 'uninspectable':
        this.#upstream.deny('uninspectable', undefined)
        return undefined
      case 'textless':
        this.#upstream.record('released', 'clean', undefined)
        this.#upstream.goOn()
        return undefined
      case 'no-text':
        if (reading.request === undefined && this.#guarded.format.answersWithoutBody) {
          // As one whose headers were its end: what answers it is looked at.
          this.#upstream.goOn()
          return undefined
        }
        if (reading.request === undefined) this.#upstream.known.guarded = undefined
        if (this.#upstream.unsupported() === 'passes') this.#upstream.goOn()
        return undefined
      default:
        return assertNever(reading)
    }
  }

  /** What was read is what goes on, whatever another reader would have made of the bytes. */
  #canonicalize(canonical: Uint8Array): void {
    this.#body.replace(canonical)
    this.#upstream.replyHeaders('may-change')
  }
}
