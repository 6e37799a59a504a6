import type { FailureReason } from '../guardrail/guardrail.ts'
import { detectFormat, normalisePath } from '../llm/detect.ts'
import type { LlmRequest, ProviderError } from '../llm/format.ts'
import type { Policy } from '../policy/policy.ts'
import { selectPolicy } from '../policy/select.ts'
import { BodyGate } from './body-gate.ts'
import type { ExchangeEvent, HeaderMutation } from './events.ts'
import { requestMutation } from './header-mutations.ts'
import { type Judged, judge, judgeFault } from './judge.ts'
import { type FaultStatus, REFUSALS, requestFault } from './local-reply.ts'
import { type Outlet, openOutlet } from './outlet.ts'
import { type ExchangeHost, mayLeaveEarly, type Pinned, whyBlind } from './pinned.ts'
import type { Because, Effective } from './record.ts'
import { RequestAnswers, type RequestFacts } from './request-answers.ts'

type HeadersEvent = Extract<ExchangeEvent, { kind: 'headers' }>

/**
 * The request's way through an exchange:
 *
 *   waiting → gathering → judging → done      input rules look at the body
 *           → copying → done                  the body goes on at once; only the refusals need to know it
 *           → passing → done                  nothing to look at
 */
export class RequestSide {
  readonly #host: ExchangeHost
  readonly #outlet: Outlet
  #state: 'waiting' | 'gathering' | 'judging' | 'copying' | 'passing' | 'done' = 'waiting'
  #gate = new BodyGate(0)
  readonly #facts: RequestFacts = {
    policy: undefined,
    format: undefined,
    request: undefined,
    headers: undefined,
  }
  readonly #answers: RequestAnswers
  #guarded = false

  constructor(host: ExchangeHost) {
    this.#host = host
    this.#answers = new RequestAnswers(host, this.#facts)
    this.#outlet = openOutlet('request', host.init.requestMode, reply => host.emit({ kind: 'reply', reply }))
  }

  /** What the response must know. Undefined while no request headers were seen. */
  get pinned(): Pinned | undefined {
    if (this.#state === 'waiting') return undefined
    if (!this.#guarded || this.#facts.policy === undefined) return { kind: 'pass' }
    return {
      kind: 'guard',
      policy: this.#facts.policy,
      format: this.#facts.format,
      request: this.#facts.request,
      clientStreams: this.#answers.clientStreams,
    }
  }

  get heldBytes(): number {
    return this.#state === 'gathering' || this.#state === 'judging' ? this.#gate.heldBytes : 0
  }

  onHeaders(event: HeadersEvent): void {
    this.#outlet.receivedHeaders(event.endOfStream)
    this.#facts.headers = event.headers
    const path = normalisePath(event.headers.get(':path') ?? '')
    const selection = selectPolicy(this.#host.init.policies, {
      policyName: this.#host.init.policyName,
      host: event.headers.get(':authority'),
      path,
      route: event.attributes.get('xds.route_name'),
    })
    if (selection.kind === 'unknown-policy') {
      this.#refuse('unknown-policy', REFUSALS['unknown-policy'])
    } else if (selection.kind === 'unmatched') {
      this.#unmatched(event)
    } else {
      this.#facts.policy = selection.policy
      this.#facts.format = detectFormat(path)
      this.#open(selection.policy, event)
    }
  }

  onBody(body: Uint8Array, endOfStream: boolean): void {
    if (this.#state === 'done' || this.#state === 'judging') return
    this.#outlet.receivedBody(body)
    // BUFFERED sends the whole body in one message; with trailers to come it does not say that it is the end.
    const last = endOfStream || this.#host.init.requestMode === 'buffered'
    if (this.#state === 'passing' || this.#state === 'copying') this.#outlet.pass(body)
    if (this.#state === 'gathering' && this.#gate.push(body) === 'over-limit') this.#fault('over-limit', 413)
    if (this.#state === 'copying' && this.#gate.push(body) === 'over-limit') this.#state = 'passing'
    if (last) this.#end()
  }

  onTrailers(): void {
    if (this.#state === 'done' && this.#host.init.requestMode === 'full-duplex') return
    this.#outlet.receivedTrailers()
    if (this.#state === 'gathering' && this.#gate.heldBytes > 0 && !this.#outlet.hasPlace) {
      // STREAMED leaves no place for what is held once trailers came.
      this.#refuse('failed-closed', REFUSALS.trailers)
    }
    this.#end()
  }

  onClosed(): void {
    if (this.#state === 'gathering' || this.#state === 'judging') {
      this.#record('discarded', 'cancelled', undefined)
    }
    this.#state = 'done'
  }

  settle(): void {
    this.#outlet.settle({ awaiting: this.#state === 'judging' })
  }

  #open(policy: Policy, event: HeadersEvent): void {
    if (policy.inputRules.length === 0 && policy.outputRules.length === 0) {
      this.#passWhole(event)
      return
    }
    if (this.#facts.format === undefined || event.endOfStream) {
      this.#unsupported(policy, () => this.#passWhole(event))
      return
    }
    const why = whyBlind(policy, this.#host.init)
    if (why !== undefined) {
      this.#host.emit({ kind: 'end', status: 'failed-precondition', why })
      this.#state = 'done'
      return
    }
    this.#guarded = true
    this.#gate = new BodyGate(policy.limits.maxRequestBytes)
    if (policy.inputRules.length === 0 || this.#host.init.observed) {
      this.#state = 'copying'
      this.#outlet.replyHeaders(this.#mutation('as-it-came'))
      return
    }
    this.#state = 'gathering'
    const encoding = event.headers.get('content-encoding')
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') this.#fault('undecodable', 415)
    else if (!this.#outlet.canWithholdHeaders) this.#outlet.replyHeaders(this.#mutation('may-change'))
  }

  #end(): void {
    switch (this.#state) {
      case 'gathering':
        this.#inspect()
        return
      case 'copying':
        this.#learn()
        this.#finish()
        return
      case 'passing':
        this.#finish()
        return
      default:
        return
    }
  }

  /** The body went on; what it asked for shapes the refusals of the response. */
  #learn(): void {
    const decoded = this.#facts.format?.decodeRequest(this.#gate.body())
    this.#gate.take()
    if (decoded?.kind === 'ok') this.#facts.request = decoded.value
    if (this.#host.init.observed && this.#facts.request && this.#facts.policy)
      this.#shadow(this.#facts.request, this.#facts.policy)
  }

  #shadow(request: LlmRequest, policy: Policy): void {
    const subject = { side: 'input' as const, segments: request.segments }
    judge(this.#host.openScan, policy.inputRules, subject, 'shadow', judged => {
      const because = judged.decision.kind === 'release' ? judged.decision.because : 'alerted'
      this.#record('released', because, judged)
    })
  }

  #inspect(): void {
    const policy = this.#facts.policy!
    const body = this.#gate.body()
    if (body.byteLength === 0) {
      this.#guarded = false
      this.#unsupported(policy, () => this.#release())
      return
    }
    const decoded = this.#facts.format!.decodeRequest(body)
    if (decoded.kind === 'undecodable') {
      this.#fault('undecodable', 400)
      return
    }
    this.#facts.request = decoded.value
    if (decoded.value.uninspectable > 0) {
      this.#host.emit({ kind: 'count', what: 'uninspectable' })
      if (policy.uninspectable === 'deny') {
        this.#deny('uninspectable', undefined)
        return
      }
    }
    if (decoded.value.segments.length === 0) {
      this.#unsupported(policy, () => this.#release())
      return
    }
    this.#state = 'judging'
    const subject = { side: 'input' as const, segments: decoded.value.segments }
    judge(this.#host.openScan, policy.inputRules, subject, 'call', judged => this.#settleVerdict(judged))
  }

  #settleVerdict(judged: Judged): void {
    const { decision } = judged
    switch (decision.kind) {
      case 'deny':
        this.#deny(decision.because, judged)
        return
      case 'redact':
        this.#redact(judged)
        return
      default:
        this.#record('released', decision.because, judged)
        this.#release()
    }
  }

  #redact(judged: Judged): void {
    const before = this.#facts.request!.segments
    const edits = judged.segments.filter((segment, index) => segment !== before[index])
    const body = this.#facts.format!.rewrite(this.#gate.body(), edits)
    this.#record('redacted', 'flagged', judged)
    this.#gate = new BodyGate(Number.POSITIVE_INFINITY)
    this.#gate.push(body)
    this.#outlet.replyHeaders(this.#mutation('may-change'))
    this.#release()
  }

  #release(): void {
    this.#outlet.replyHeaders(this.#mutation('as-it-came'))
    for (const chunk of this.#gate.take()) this.#outlet.pass(chunk)
    this.#finish()
  }

  #finish(): void {
    this.#outlet.finish()
    this.#state = 'done'
    const outputRules = this.#guarded ? (this.#facts.policy?.outputRules.length ?? 0) : 0
    if (outputRules > 0 || !mayLeaveEarly(this.#host)) return
    this.#outlet.settle({ awaiting: false })
    this.#host.emit({ kind: 'end', status: 'ok', why: 'nothing left to inspect' })
  }

  /** Failure of every input rule at once. */
  #fault(reason: FailureReason, status: FaultStatus): void {
    const judged = judgeFault(this.#facts.policy?.inputRules ?? [], reason)
    if (judged.decision.kind !== 'deny') {
      this.#record('released', 'failed-open', judged)
      this.#outlet.replyHeaders(this.#mutation('as-it-came'))
      for (const chunk of this.#gate.take()) this.#outlet.pass(chunk)
      this.#state = 'passing'
      return
    }
    this.#refuse('failed-closed', requestFault(status), judged)
  }

  #unmatched(event: HeadersEvent): void {
    this.#host.emit({ kind: 'count', what: 'unmatched' })
    if (this.#host.init.policies.unmatched === 'pass') this.#passWhole(event)
    else this.#refuse('unmatched', REFUSALS.unmatched)
  }

  /** Traffic that no guard can look at: fail_mode. */
  #unsupported(policy: Policy, pass: () => void): void {
    this.#host.emit({ kind: 'count', what: 'unsupported' })
    if (policy.failMode === 'error') {
      this.#refuse('unsupported', REFUSALS.unsupported)
      return
    }
    if (policy.failMode === 'warn') this.#record('released', 'unsupported', undefined)
    pass()
  }

  #passWhole(event: HeadersEvent): void {
    this.#outlet.replyHeaders()
    const isComing = this.#outlet.canSpeakUnasked || this.#host.init.sendsBodyBeforeHeaderReply
    if (event.endOfStream || (!isComing && mayLeaveEarly(this.#host))) this.#finish()
    else this.#state = 'passing'
  }

  #deny(because: Because, judged: Judged | undefined): void {
    this.#answers.deny(because, judged, this.#gate.heldBytes)
    this.#state = 'done'
  }

  #refuse(because: Because, error: ProviderError, judged?: Judged): void {
    if (this.#host.init.observed) {
      this.#record('released', because, judged)
      this.#state = 'passing'
      return
    }
    this.#answers.refuse(because, error, judged, this.#gate.heldBytes)
    this.#state = 'done'
  }

  #mutation(body: 'as-it-came' | 'may-change'): HeaderMutation | undefined {
    return this.#guarded && this.#facts.policy ? requestMutation(this.#facts.policy, body) : undefined
  }

  #record(effective: Effective, because: Because, judged: Judged | undefined): void {
    this.#answers.record(effective, because, judged, this.#gate.heldBytes)
  }
}
