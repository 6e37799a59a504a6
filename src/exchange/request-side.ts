import type { FailureReason } from '../guardrail/guardrail.ts'
import { detectFormat, normalisePath } from '../llm/detect.ts'
import type { LlmFormat, LlmRequest, ProviderError } from '../llm/format.ts'
import { decide } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import { selectPolicy } from '../policy/select.ts'
import { BodyGate } from './body-gate.ts'
import type { ExchangeEvent, HeaderMutation, HeaderReader } from './events.ts'
import { type Judged, judge } from './judge.ts'
import { type Denial, denialReply, errorReply, findingsOf } from './local-reply.ts'
import { type Outlet, openOutlet } from './outlet.ts'
import { canInspect, type ExchangeHost, type Pinned } from './pinned.ts'
import { type Because, type Effective, ruleRecords } from './record.ts'

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
  #headers: HeaderReader | undefined
  #policy: Policy | undefined
  #format: LlmFormat | undefined
  #request: LlmRequest | undefined
  #guarded = false
  /** Bytes of the request may be on their way through Envoy that we have not answered. */
  #echoed = false

  constructor(host: ExchangeHost) {
    this.#host = host
    this.#outlet = openOutlet('request', host.init.requestMode, reply => host.emit({ kind: 'reply', reply }))
  }

  /** What the response must know. Undefined while no request headers were seen. */
  get pinned(): Pinned | undefined {
    if (this.#state === 'waiting') return undefined
    if (!this.#guarded || this.#policy === undefined) return { kind: 'pass' }
    return {
      kind: 'guard',
      policy: this.#policy,
      format: this.#format,
      request: this.#request,
      clientStreams: this.#clientStreams(),
    }
  }

  onHeaders(event: HeadersEvent): void {
    this.#outlet.receivedHeaders(event.endOfStream)
    this.#headers = event.headers
    const path = normalisePath(event.headers.get(':path') ?? '')
    const selection = selectPolicy(this.#host.init.policies, {
      policyName: this.#host.init.policyName,
      host: event.headers.get(':authority'),
      path,
      route: event.attributes.get('xds.route_name'),
    })
    if (selection.kind === 'unknown-policy') {
      this.#refuse('unknown-policy', { status: 500, message: 'Unknown policy', code: 'internal' })
    } else if (selection.kind === 'unmatched') {
      this.#unmatched(event)
    } else {
      this.#policy = selection.policy
      this.#format = detectFormat(path)
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
    if (this.#state === 'gathering' && this.#gate.heldBytes > 0 && !this.#outlet.canWrite) {
      // STREAMED leaves no place for what is held once trailers came.
      this.#refuse('failed-closed', { status: 400, message: 'Trailers not supported', code: 'unsupported' })
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
    const { requestMode, responseMode, observed } = this.#host.init
    if (policy.inputRules.length === 0 && policy.outputRules.length === 0) {
      this.#passWhole(event)
      return
    }
    if (this.#format === undefined || event.endOfStream) {
      this.#unsupported(policy, () => this.#passWhole(event))
      return
    }
    const blind =
      (policy.inputRules.length > 0 && !canInspect(requestMode)) ||
      (policy.outputRules.length > 0 && !canInspect(responseMode))
    if (blind) {
      const why = `policy ${policy.name} needs bodies, but Envoy sends request ${requestMode}, response ${responseMode}`
      this.#host.emit({ kind: 'end', status: 'failed-precondition', why })
      this.#state = 'done'
      return
    }
    this.#guarded = true
    this.#gate = new BodyGate(policy.limits.maxRequestBytes)
    if (policy.inputRules.length === 0 || observed) {
      this.#state = 'copying'
      this.#outlet.replyHeaders(this.#headerMutation('same-length'))
      return
    }
    this.#state = 'gathering'
    const encoding = event.headers.get('content-encoding')
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') this.#fault('undecodable', 415)
    else if (!this.#outlet.canWithholdHeaders) this.#outlet.replyHeaders(this.#headerMutation('may-change'))
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
    const decoded = this.#format?.decodeRequest(this.#gate.body())
    if (decoded?.kind === 'ok') this.#request = decoded.value
    if (this.#host.init.observed && this.#request && this.#policy) this.#shadow(this.#request, this.#policy)
  }

  #shadow(request: LlmRequest, policy: Policy): void {
    const subject = { side: 'input' as const, segments: request.segments }
    judge(this.#host.openScan, policy.inputRules, subject, 'shadow', judged => {
      const because = judged.decision.kind === 'release' ? judged.decision.because : 'alerted'
      this.#record('released', because, judged)
    })
  }

  #inspect(): void {
    const policy = this.#policy!
    const body = this.#gate.body()
    if (body.byteLength === 0) {
      this.#guarded = false
      this.#unsupported(policy, () => this.#release())
      return
    }
    const decoded = this.#format!.decodeRequest(body)
    if (decoded.kind === 'undecodable') {
      this.#fault('undecodable', 400)
      return
    }
    this.#request = decoded.value
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
    const before = this.#request!.segments
    const edits = judged.segments.filter((segment, index) => segment !== before[index])
    const body = this.#format!.rewrite(this.#gate.body(), edits)
    this.#record('redacted', 'flagged', judged)
    this.#gate = new BodyGate(Number.POSITIVE_INFINITY)
    this.#gate.push(body)
    this.#outlet.replyHeaders(this.#headerMutation('may-change'))
    this.#release()
  }

  #release(): void {
    this.#outlet.replyHeaders(this.#headerMutation('same-length'))
    for (const chunk of this.#gate.take()) this.#outlet.pass(chunk)
    this.#finish()
  }

  #finish(): void {
    this.#outlet.finish()
    this.#state = 'done'
    const outputRules = this.#guarded ? (this.#policy?.outputRules.length ?? 0) : 0
    if (outputRules > 0 || this.#host.init.observed) return
    // Only what was held to its end can be left alone: behind bytes that were echoed, an early answer of the
    // upstream may already be on its way to us, and Envoy drops what it has in flight when the call ends.
    if (this.#echoed) return
    this.#outlet.settle({ awaiting: false })
    this.#host.emit({ kind: 'end', status: 'ok', why: 'nothing left to inspect' })
  }

  /** Failure of every input rule at once. */
  #fault(reason: FailureReason, status: number): void {
    const policy = this.#policy!
    const outcomes = policy.inputRules.map(rule => ({
      rule,
      outcome: { kind: 'failure' as const, reason, ms: 0 },
    }))
    const judged: Judged = { decision: decide(outcomes), outcomes, segments: [] }
    if (judged.decision.kind !== 'deny') {
      this.#record('released', 'failed-open', judged)
      this.#outlet.replyHeaders(this.#headerMutation('same-length'))
      for (const chunk of this.#gate.take()) this.#outlet.pass(chunk)
      this.#state = 'passing'
      this.#echoed = true
      return
    }
    this.#record('denied', 'failed-closed', judged)
    this.#reply('failed-closed', { status, message: FAULT_MESSAGES[status] ?? '', code: 'invalid_request' })
  }

  #unmatched(event: HeadersEvent): void {
    this.#host.emit({ kind: 'count', what: 'unmatched' })
    if (this.#host.init.policies.unmatched === 'pass') this.#passWhole(event)
    else this.#refuse('unmatched', { status: 403, message: 'No policy takes this request', code: 'unsupported' })
  }

  /** Traffic that no guard can look at: fail_mode. */
  #unsupported(policy: Policy, pass: () => void): void {
    this.#host.emit({ kind: 'count', what: 'unsupported' })
    if (policy.failMode === 'error') {
      this.#refuse('unsupported', {
        status: 500,
        message: 'This request cannot be inspected',
        code: 'unsupported',
      })
      return
    }
    if (policy.failMode === 'warn') this.#record('released', 'unsupported', undefined)
    pass()
  }

  #passWhole(event: HeadersEvent): void {
    this.#outlet.replyHeaders()
    const mayBeComing = this.#outlet.canSpeakUnasked || this.#host.init.sendsBodyBeforeHeaderReply
    if (event.endOfStream || !mayBeComing) {
      this.#finish()
      return
    }
    this.#state = 'passing'
    this.#echoed = true
  }

  #deny(because: Because, judged: Judged | undefined): void {
    this.#record('denied', because, judged)
    const denial = { side: 'request' as const, because, findings: findingsOf(judged?.outcomes ?? []) }
    const shape = this.#clientStreams() ? 'event-stream' : 'json'
    this.#answer(
      denialReply(denial, this.#policy!, this.#format!, this.#host.init.stamp, this.#request, shape),
    )
  }

  /** A denial that is an error whatever deny_code says, and that has no verdict behind it. */
  #refuse(because: Because, error: ProviderError): void {
    this.#record('denied', because, undefined)
    this.#reply(because, error)
  }

  #reply(because: Because, error: ProviderError): void {
    const denial: Denial = { side: 'request', because, findings: [] }
    this.#answer(errorReply(error, denial, this.#format, this.#policy, this.#host.init.stamp))
  }

  #answer(reply: ReturnType<typeof errorReply>): void {
    this.#host.emit({ kind: 'reply', reply: { kind: 'local', ...reply } })
    this.#host.emit({ kind: 'end', status: 'ok', why: 'answered' })
    this.#state = 'done'
  }

  /** The body's own word, and `Accept` only where the body has none. */
  #clientStreams(): boolean {
    if (this.#request?.streams !== undefined) return this.#request.streams
    const accept = this.#headers?.get('accept')?.toLowerCase() ?? ''
    return accept.includes('text/event-stream') && !accept.includes('application/json')
  }

  #headerMutation(length: 'same-length' | 'may-change'): HeaderMutation | undefined {
    const remove: string[] = []
    // An answer in identity can be read as it streams.
    if (this.#guarded && this.#policy!.outputRules.length > 0) remove.push('accept-encoding')
    const changes =
      length === 'may-change' && (this.#policy?.inputRules.some(rule => rule.action === 'redact') ?? false)
    if (changes) remove.push('content-length', 'content-md5', 'digest', 'content-digest')
    return remove.length > 0 ? { remove } : undefined
  }

  #record(effective: Effective, because: Because, judged: Judged | undefined): void {
    const held = this.#gate.heldBytes
    this.#host.emit({
      kind: 'record',
      record: {
        exchangeId: this.#host.init.stamp.id,
        policy: this.#policy?.name,
        phase: 'request',
        format: this.#format?.name,
        delivery: 'body',
        effective,
        because,
        rules: ruleRecords(judged?.outcomes ?? []),
        uninspectable: this.#request?.uninspectable ?? 0,
        bytesReleased: effective === 'released' || effective === 'redacted' ? held : 0,
        bytesDiscarded: effective === 'denied' || effective === 'discarded' ? held : 0,
      },
    })
  }
}

const FAULT_MESSAGES: Readonly<Record<number, string>> = {
  400: 'The request body could not be read',
  413: 'The request body is too large to be inspected',
  415: 'The request body has an encoding that cannot be inspected',
}
