import type { FailureReason } from '../guardrail/guardrail.ts'
import { detectFormat, placeOf } from '../llm/detect.ts'
import type { ProviderError, TextSegment } from '../llm/format.ts'
import { hasReadCharset, isForm } from '../llm/response-shape.ts'
import { withoutTexts } from '../llm/without-texts.ts'
import { canIntervene } from '../policy/decide.ts'
import { type Name, Placeholders } from '../policy/placeholder.ts'
import type { Policy, Rule } from '../policy/policy.ts'
import { Restorer } from '../policy/restore.ts'
import { selectPolicy } from '../policy/select.ts'
import type { ReadResult } from './body-reading.ts'
import { contentEncodingOf } from './content-coding.ts'
import type { ExchangeEvent, HeaderMutation, ScanLifetime } from './events.ts'
import { requestMutation } from './header-mutations.ts'
import { type Judged, judge, judgeFault, whenAllKnown } from './judge.ts'
import { type FaultStatus, REFUSALS, requestFault } from './local-reply.ts'
import { type Outlet, openOutlet } from './outlet.ts'
import { ParallelCheck } from './parallel-check.ts'
import { type ExchangeHost, keepsConversation, mayLeaveEarly, type Pinned, whyBlind } from './pinned.ts'
import type { Because, Effective } from './record.ts'
import { RequestAnswers, type RequestFacts } from './request-answers.ts'
import { RequestBody } from './request-body.ts'
import { readingOf } from './request-reading.ts'

type HeadersEvent = Extract<ExchangeEvent, { kind: 'headers' }>

/**
 * The request's way through an exchange:
 *
 *   waiting → gathering → reading → judging → done      input rules look at the body before the upstream does
 *           → copying → done                            the body goes on at once; parallel rules and refusals need to know it
 *           → passing → done                            nothing to look at
 *
 * A body that would hold up others is read, and changed, elsewhere: most are read at once. With parallel rules the response then waits for the verdict of the parallel check.
 */
export class RequestSide {
  readonly #host: ExchangeHost
  readonly #outlet: Outlet
  #state: 'waiting' | 'gathering' | 'reading' | 'judging' | 'going' | 'copying' | 'passing' | 'done' =
    'waiting'
  /** Undefined where it is not looked at. */
  #body: RequestBody | undefined
  readonly #facts: RequestFacts = {
    policy: undefined,
    format: undefined,
    place: { path: '', query: '' },
    request: undefined,
    headers: undefined,
  }
  readonly #answers: RequestAnswers
  /** Its verdict may come after the request has gone. */
  readonly parallel: ParallelCheck
  #guarded = false
  #receivedBytes = 0
  /** The request's texts after redaction. */
  #redacted: readonly TextSegment[] | undefined
  /** Length of the body that the texts were read from. */
  #readBytes = 0
  /** Rules that only watch still look at them. */
  #isWatched = false
  /** Of a body that went on and is still to be read. */
  #learningBytes = 0
  /** What the request's redactions stand for; lives as long as the exchange. */
  #placeholders: Placeholders | undefined

  constructor(host: ExchangeHost) {
    this.#host = host
    this.#answers = new RequestAnswers(host, this.#facts)
    this.parallel = new ParallelCheck(host, judged => this.#settleParallel(judged))
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
      conversation: this.#redacted ?? this.#facts.request?.segments ?? [],
      restorer: this.#restorer,
      clientStreams: this.#answers.clientStreams,
    }
  }

  get #restorer(): Restorer | undefined {
    return this.#restores ? new Restorer(this.#placeholders!.originals) : undefined
  }

  /** Something was redacted that the answer is to get back. */
  get #restores(): boolean {
    return this.#placeholders !== undefined && this.#placeholders.originals.size > 0
  }

  readonly #name: Name = (...found) => {
    this.#placeholders ??= new Placeholders(() => this.#facts.request?.segments.map(({ text }) => text) ?? [])
    return this.#placeholders.name(...found)
  }

  /** Its headers have come. */
  get begun(): boolean {
    return this.#state !== 'waiting'
  }

  /** The model that the request asks for, once it was read. */
  get model(): string | undefined {
    return this.#facts.request?.model
  }

  get heldBytes(): number {
    return this.#isKeptBack ? (this.#body?.heldBytes ?? 0) : 0
  }

  /** Bytes kept in memory, for whatever reason; texts count as the body that they were read from, once. */
  get keptBytes(): number {
    return Math.max(this.#body?.keptBytes ?? 0, this.#textBytes, this.#learningBytes)
  }

  /** Bytes that may go and wait for their place. */
  get leavingBytes(): number {
    return this.#outlet.pendingBytes
  }

  get #textBytes(): number {
    const isKept = (this.#facts.request?.segments.length ?? 0) > 0 || this.#isWatched || this.parallel.judging
    return isKept ? this.#readBytes : 0
  }

  /** What comes now is kept until a verdict. */
  get gathers(): boolean {
    return this.#state === 'gathering' || (this.#state === 'copying' && this.parallel.pending)
  }

  /** A verdict is on its way, whatever Envoy sends, and Envoy has no timer for it. */
  get canWait(): boolean {
    return this.#outlet.canSpeakUnasked && (this.#isAwaiting || this.parallel.judging)
  }

  /** Lets go of a copy that nobody waits for; returns whether there was one. */
  dropCopy(): boolean {
    if (this.#state !== 'copying' || this.parallel.pending) return false
    this.#body?.take()
    this.#state = 'passing'
    return true
  }

  onOverBudget(): void {
    if (this.gathers) this.#fault('over-budget', 503)
  }

  /** Its record is still to come: when it goes on, is refused or is discarded. */
  get #isKeptBack(): boolean {
    return this.#state === 'gathering' || this.#isAwaiting
  }

  /** What comes next comes from elsewhere. */
  get #isAwaiting(): boolean {
    return this.#state === 'reading' || this.#state === 'judging'
  }

  /** The response goes on: with a verdict still to come only when it is no answer to guard. */
  onResponseOpen(): void {
    if (!this.parallel.pending) return
    this.parallel.drop()
    if (!this.#isKeptBack) this.#record('released', 'cancelled', undefined)
  }

  onHeaders(event: HeadersEvent): void {
    this.#outlet.receivedHeaders(event.endOfStream)
    this.#facts.headers = event.headers
    const place = placeOf(event.headers.get(':path') ?? '')
    this.#facts.place = place
    const selection = selectPolicy(this.#host.init.policies, {
      policyName: this.#host.init.policyName,
      host: event.headers.get(':authority'),
      path: place.path,
      route: event.attributes.get('xds.route_name'),
    })
    if (selection.kind === 'unknown-policy') {
      this.#refuse('unknown-policy', REFUSALS['unknown-policy'])
    } else if (selection.kind === 'unmatched') {
      this.#unmatched(event)
    } else {
      this.#facts.policy = selection.policy
      this.#facts.format = detectFormat(place, this.#host.init.policies.formats)
      this.#open(selection.policy, event)
    }
  }

  onBody(body: Uint8Array, endOfStream: boolean): void {
    if (this.#state === 'done' || this.#isAwaiting) return
    this.#outlet.receivedBody(body)
    this.#receivedBytes += body.byteLength
    // BUFFERED sends the whole body in one message; with trailers to come it does not say that it is the end.
    const last = endOfStream || this.#host.init.requestMode === 'buffered'
    if (this.#state === 'passing' || this.#state === 'copying') this.#outlet.pass(body)
    if (this.#state === 'gathering' || this.#state === 'copying') this.#gather(body)
    if (last) this.#end()
  }

  onTrailers(): void {
    if (this.#state === 'done' && this.#host.init.requestMode === 'full-duplex') return
    this.#outlet.receivedTrailers()
    if (this.#state === 'gathering' && this.heldBytes > 0 && !this.#outlet.hasPlace) {
      // STREAMED leaves no place for what is held once trailers came.
      this.#refuse('failed-closed', REFUSALS.trailers)
    }
    this.#end()
  }

  onClosed(): void {
    if (this.#isKeptBack) this.#record('discarded', 'cancelled', undefined)
    else if (this.parallel.pending) this.#record('released', 'cancelled', undefined)
    this.#state = 'done'
  }

  settle(): void {
    this.#outlet.settle({ awaiting: this.#isAwaiting })
  }

  get #inputRules(): readonly Rule[] {
    const { policy } = this.#facts
    if (policy === undefined || policy.parallelRules.length === 0) return policy?.inputRules ?? NO_RULES
    return [...policy.inputRules, ...policy.parallelRules]
  }

  #open(policy: Policy, event: HeadersEvent): void {
    if (this.#inputRules.length === 0 && policy.outputRules.length === 0) {
      this.#passWhole(event)
      return
    }
    const { format } = this.#facts
    if (format === undefined || (event.endOfStream && !format.answersWithoutBody)) {
      this.#unsupported(policy, () => this.#passWhole(event))
      return
    }
    // What follows is no body: it has no end to judge it at, and either side may speak at any time.
    if (event.headers.get('upgrade') !== undefined) {
      this.#refuse('unsupported', REFUSALS.upgrade)
      return
    }
    const why = whyBlind(policy, this.#host.init)
    if (why !== undefined) {
      this.#host.emit({ kind: 'end', status: 'failed-precondition', why })
      this.#state = 'done'
      return
    }
    this.#guarded = true
    if (event.endOfStream) {
      this.#outlet.replyHeaders(this.#mutation('as-it-came'))
      this.#finish()
      return
    }
    const { observed } = this.#host.init
    if (observed && (canIntervene(this.#inputRules) || canIntervene(policy.outputRules))) {
      this.#host.emit({ kind: 'unenforced', policy: policy.name })
    }
    if (policy.parallelRules.length > 0 && !observed) this.parallel.expect(policy)
    const wantsWhole = policy.inputRules.length > 0 || policy.canonicalize
    this.#state = wantsWhole && !observed ? 'gathering' : 'copying'
    const { codings } = this.#host.init
    const { maxRequestBytes } = policy.limits
    const encoding = contentEncodingOf(event.headers.get('content-encoding'))
    const isKnown = encoding === undefined || codings.knows(encoding)
    this.#body = new RequestBody(codings, isKnown ? encoding : undefined, maxRequestBytes)
    const isReadable = isKnown && hasReadCharset(event.headers.get('content-type'))
    if (!isReadable && !observed && this.#inputRules.length > 0) this.#fault('undecodable', 415)
    else if (this.#state === 'copying') this.#outlet.replyHeaders(this.#mutation('as-it-came'))
    else if (!this.#outlet.canWithholdHeaders) this.#outlet.replyHeaders(this.#mutation('may-change'))
  }

  #gather(chunk: Uint8Array): void {
    if (this.#body?.push(chunk) !== 'over-limit') return
    if (this.gathers) this.#fault('over-limit', 413)
    else this.dropCopy()
  }

  #end(): void {
    if (this.#state === 'gathering' || (this.#state === 'copying' && this.parallel.pending)) this.#inspect()
    else if (this.#state === 'copying') this.#learn()
    if (this.#state === 'copying' || this.#state === 'passing') this.#finish()
  }

  /** The body went on; what it asked for shapes the refusals of the response, should it be read before them. */
  #learn(): void {
    const { observed } = this.#host.init
    this.#learningBytes = this.#body!.heldBytes
    this.#read(observed ? 'shadow' : 'call', result => {
      this.#learningBytes = 0
      if (result.kind !== 'request' || result.decoded.kind !== 'ok') return
      this.#facts.request = result.decoded.value
      this.#readBytes = result.body.byteLength
      // It was read after it had gone.
      if (this.#state === 'done') this.#forgetTexts()
      if (!observed || this.#facts.policy === undefined) return
      const subject = { side: 'input' as const, segments: result.decoded.value.segments }
      this.#isWatched = true
      judge(this.#host.openStage, this.#inputRules, subject, 'shadow', judged => {
        this.#isWatched = false
        const because = judged.decision.kind === 'release' ? judged.decision.because : 'alerted'
        this.#record('released', because, judged)
      })
    })
    this.#body!.take()
  }

  #read(lifetime: ScanLifetime, done: (result: ReadResult) => void): void {
    const { format, place, policy } = this.#facts
    if (format === undefined) return
    const form = policy?.canonicalize && this.#state === 'reading' ? 'canonical' : 'as-it-came'
    const job = {
      kind: 'request',
      ...this.#body!.whole(this.#host.init.roomBytes()),
      format,
      place,
      form,
    } as const
    this.#host.openRead(job, lifetime, done)
  }

  /** The body is complete, and rules want to see it. */
  #inspect(): void {
    if (this.#state === 'copying') {
      // A response that had not to wait took away what the parallel rules were to judge.
      this.#read('call', result => this.parallel.pending && this.#inspected(result))
      return
    }
    this.#state = 'reading'
    this.#read('call', result => {
      if (this.#state !== 'reading') return
      this.#state = 'gathering'
      this.#inspected(result)
      this.#finishPassing()
    })
  }

  /** All of the body is here, and it was let go unread. */
  #finishPassing(): void {
    if (this.#state === 'passing') this.#finish()
  }

  /** In `gathering` nothing of the body has gone on; else all of it has. */
  #inspected(result: ReadResult): void {
    const policy = this.#facts.policy!
    if (result.kind !== 'request') {
      const reason = result.kind === 'fault' ? result.reason : 'internal'
      this.#fault(reason, faultStatus(reason))
      return
    }
    this.#body!.wasRead(result.body)
    if (isForm(this.#facts.headers?.get('content-type'), result.body)) {
      this.#fault('undecodable', 415)
      return
    }
    const reading = readingOf(result, policy)
    if (reading.kind === 'undecodable') {
      this.#fault('undecodable', 400)
      return
    }
    this.#facts.request = reading.request
    this.#readBytes = result.body.byteLength
    if (result.canonical !== undefined) this.#canonicalize(result.canonical)
    if (reading.request !== undefined && reading.request.uninspectable > 0) {
      this.#host.emit({ kind: 'count', what: 'uninspectable' })
    }
    if (reading.kind === 'uninspectable') this.#deny('uninspectable', undefined)
    else if (reading.kind === 'textless') {
      this.#record('released', 'clean', undefined)
      this.#goOn()
    } else if (reading.kind === 'no-text') {
      this.#guarded &&= reading.request !== undefined
      this.#unsupported(policy, () => this.#goOn())
    } else this.#judge(policy, reading.request.segments)
  }

  #judge(policy: Policy, segments: readonly TextSegment[]): void {
    if (this.#state !== 'gathering') {
      this.parallel.judge(segments, undefined)
      return
    }
    this.#state = 'judging'
    const subject = { side: 'input' as const, segments }
    const settle = (judged: Judged): void => this.#settleVerdict(judged)
    judge(this.#host.openStage, policy.inputRules, subject, 'call', settle, this.#name)
  }

  /** What was read is what goes on, whatever another reader would have made of the bytes. */
  #canonicalize(canonical: Uint8Array): void {
    this.#body!.replace(canonical)
    this.#outlet.replyHeaders(this.#mutation('may-change'))
  }

  #settleVerdict(judged: Judged): void {
    const { decision } = judged
    if (decision.kind === 'deny') {
      this.#deny(decision.because, judged)
      return
    }
    if (decision.kind === 'redact') this.#redact(judged)
    else this.#send(judged)
  }

  #send(judged: Judged): void {
    this.#state = 'going'
    if (this.parallel.pending) this.parallel.judge(judged.segments, judged)
    else this.#recordGone(this.parallel.recorded(judged))
    // Parallel rules that answer at once may have denied it.
    if (this.#state === 'going') this.#release()
  }

  #redact(judged: Judged): void {
    const before = this.#facts.request!.segments
    const edits = judged.segments.filter((segment, index) => segment !== before[index])
    const job = { kind: 'rewrite', format: this.#facts.format!, body: this.#body!.reread(), edits } as const
    this.#host.openRead(job, 'call', result => {
      if (this.#state !== 'judging') return
      if (result.kind !== 'rewrite') {
        this.#deny('failed-closed', judged)
        return
      }
      this.#redacted = judged.segments
      this.#body!.replace(result.body)
      this.#outlet.replyHeaders(this.#mutation('may-change'))
      this.#send(judged)
    })
  }

  #settleParallel(judged: Judged): void {
    if (judged.decision.kind === 'deny') this.#deny(judged.decision.because, judged)
    else if (!this.#isKeptBack) {
      this.#recordGone(judged)
      if (this.#state === 'done') this.#leave()
    }
  }

  /** The request went on, or goes now. */
  #recordGone(judged: Judged): void {
    this.#isWatched = judged.watched.length > 0
    whenAllKnown(judged, all => {
      this.#isWatched = false
      if (all.decision.kind === 'release') this.#record('released', all.decision.because, all)
      else this.#record('redacted', 'flagged', all)
    })
  }

  #release(): void {
    this.#outlet.replyHeaders(this.#mutation('as-it-came'))
    for (const chunk of this.#body!.take()) this.#outlet.pass(chunk)
    this.#finish()
  }

  /** Nothing is left to judge. In `copying` the bytes went on as they came. */
  #goOn(): void {
    this.parallel.drop()
    if (this.#state === 'gathering') this.#release()
    else if (this.#state === 'done') this.#leave()
  }

  #finish(): void {
    this.#outlet.finish()
    this.#state = 'done'
    this.#forgetTexts()
    this.#leave()
  }

  /** It has gone on. What was asked is kept for rules only that judge its answer by it. */
  #forgetTexts(): void {
    const { request, policy } = this.#facts
    if (request === undefined || (policy !== undefined && keepsConversation(policy))) return
    this.#facts.request = withoutTexts(request)
    this.#redacted = undefined
  }

  #leave(): void {
    const outputRules = this.#guarded ? (this.#facts.policy?.outputRules.length ?? 0) : 0
    const isNeeded = outputRules > 0 || this.#restores || this.parallel.pending
    if (isNeeded || !mayLeaveEarly(this.#host)) return
    this.#outlet.settle({ awaiting: false })
    this.#host.emit({ kind: 'end', status: 'ok', why: 'nothing left to inspect' })
  }

  /** Failure of every input rule at once. */
  #fault(reason: FailureReason, status: FaultStatus): void {
    const judged = judgeFault(this.#inputRules, reason)
    if (judged.decision.kind === 'deny') {
      this.#refuse('failed-closed', requestFault(status), judged)
      return
    }
    this.parallel.drop()
    this.#record('released', 'failed-open', judged)
    this.#outlet.replyHeaders(this.#mutation('as-it-came'))
    const held = this.#body?.take() ?? []
    if (this.#state === 'gathering') for (const chunk of held) this.#outlet.pass(chunk)
    if (this.#state === 'done') this.#leave()
    else this.#state = 'passing'
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
    this.#decided()
    this.#answers.deny(because, judged, this.#receivedBytes)
  }

  #refuse(because: Because, error: ProviderError, judged?: Judged): void {
    if (this.#host.init.observed) {
      this.#record('released', because, judged)
      this.#state = 'passing'
      return
    }
    this.#decided()
    this.#answers.refuse(because, error, judged, this.#receivedBytes)
  }

  /** Before the answer, which ends the exchange: what is undecided then is recorded as discarded. */
  #decided(): void {
    this.parallel.drop()
    this.#state = 'done'
    this.#body?.take()
  }

  #mutation(body: 'as-it-came' | 'may-change'): HeaderMutation | undefined {
    return this.#guarded && this.#facts.policy ? requestMutation(this.#facts.policy, body) : undefined
  }

  #record(effective: Effective, because: Because, judged: Judged | undefined): void {
    this.#answers.record(effective, because, judged, this.#receivedBytes)
  }
}

const NO_RULES: readonly Rule[] = []

/** Of what nobody could make anything of. */
function faultStatus(reason: FailureReason): FaultStatus {
  if (reason === 'undecodable') return 400
  return reason === 'over-budget' ? 503 : 413
}
