import { contentCodings } from '../../src/coding/codings.ts'
import { type ReadResult, readBody } from '../../src/exchange/body-reading.ts'
import type {
  BodyMode,
  Effect,
  ExchangeEvent,
  HeaderMutation,
  HeaderReader,
  LocalReply,
  Reply,
  SetupGap,
} from '../../src/exchange/events.ts'
import { Exchange } from '../../src/exchange/exchange.ts'
import type { ExchangeInit } from '../../src/exchange/host.ts'
import type { DecisionRecord } from '../../src/exchange/record.ts'
import type { Outcome } from '../../src/guardrail/guardrail.ts'
import { runLocalScan } from '../../src/guardrail/run-scan.ts'
import type { RuleOutcome } from '../../src/policy/decide.ts'
import type { PolicySet } from '../../src/policy/policy.ts'

export type ScanEffect = Extract<Effect, { kind: 'scan' }>
type ReadEffect = Extract<Effect, { kind: 'read' }>

/** What one direction of the modelled HTTP exchange came to. */
class Direction {
  headersOut = false
  mutation: HeaderMutation | undefined
  override: BodyMode | undefined
  readonly out: Uint8Array[] = []
  endOut = false
  /** Messages sent that are owed an answer, in order; duplex bodies are owed none. */
  readonly owed: ('headers' | 'body' | 'trailers')[] = []
  /** Chunks whose answer may be "as it came". */
  readonly chunks: Uint8Array[] = []
  endIn = false
  /** A first body message was sent: before it Envoy calls a body reply spurious. */
  started = false
  /** The headers said that no body follows. */
  bodiless = false

  get bytes(): Buffer {
    return Buffer.concat(this.out)
  }
}

interface ModelOptions {
  readonly mode: BodyMode
  readonly localScans?: 'at-once' | 'late'
}

/**
 * Plays Envoy towards one exchange, by the rules measured of Envoy 1.40, and throws on any reply that Envoy would
 * call spurious. Local scans are answered at once, as small ones are; remote ones wait in `scans`, and with
 * `localScans: 'late'` so do local ones, as large ones do.
 */
export class EnvoyModel {
  readonly request = new Direction()
  readonly response = new Direction()
  readonly scans: ScanEffect[] = []
  /** Bodies that were to be read elsewhere: they are read at once, unless the test ends their reading itself. */
  readonly reads: ReadEffect[] = []
  holdsReads = false
  readonly records: DecisionRecord[] = []
  readonly counts: string[] = []
  readonly unenforced: string[] = []
  readonly gaps: SetupGap[] = []
  localReply: LocalReply | undefined
  ended: Extract<Effect, { kind: 'end' }> | undefined
  paused = false
  /** With late local scans: how often another turn was asked for and has not come. */
  turnsOwed = 0
  /** Milliseconds of every deadline that was asked for. */
  readonly deadlines: number[] = []
  /** Milliseconds of every window that was asked for. */
  readonly windows: number[] = []
  /** New characters of every scan by windows. */
  readonly windowChars: number[] = []
  readonly #exchange: Exchange
  readonly #init: ExchangeInit
  readonly #localScans: 'at-once' | 'late'

  constructor(
    policies: PolicySet,
    { localScans = 'at-once', ...init }: Partial<ExchangeInit> & ModelOptions,
  ) {
    this.#localScans = localScans
    this.#init = {
      stamp: { id: '0123456789abcdef0123456789abcdef', startedAtSec: 1_760_000_000 },
      policies,
      codings: contentCodings,
      roomBytes: () => Number.POSITIVE_INFINITY,
      policyName: undefined,
      requestMode: init.mode,
      responseMode: init.mode,
      sendsBodyBeforeHeaderReply: false,
      observed: false,
      ...init,
    }
    this.#exchange = new Exchange(this.#init)
  }

  /** The response comes as one message. */
  get isBuffered(): boolean {
    return this.#init.responseMode === 'buffered'
  }

  get keptBytes(): number {
    return this.#exchange.keptBytes
  }

  get canWait(): boolean {
    return this.#exchange.canWait
  }

  headers(
    side: 'request' | 'response',
    headers: Record<string, string>,
    endOfStream: 'end' | 'more' = 'more',
    attributes: Record<string, string> = {},
  ): void {
    if (this.#isOver()) return
    this[side].owed.push('headers')
    this[side].endIn = endOfStream === 'end'
    this[side].bodiless = endOfStream === 'end'
    const reader = (from: Record<string, string>): HeaderReader => ({ get: name => from[name] })
    this.step({
      kind: 'headers',
      side,
      headers: reader(headers),
      attributes: reader(attributes),
      endOfStream: endOfStream === 'end',
    })
  }

  body(side: 'request' | 'response', body: Uint8Array | string, endOfStream: 'end' | 'more' = 'more'): void {
    if (this.#isOver() || (side === 'response' && this.response.endOut)) return
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    this[side].started = true
    if (this.#modeOf(side) !== 'full-duplex' && !this.#init.observed) {
      if (this[side].owed.includes('headers')) throw new Error(`${side} headers were never answered`)
      this[side].owed.push('body')
      this[side].chunks.push(bytes)
    }
    this[side].endIn = endOfStream === 'end'
    this.step({ kind: 'body', side, body: bytes, endOfStream: endOfStream === 'end' })
  }

  trailers(side: 'request' | 'response'): void {
    // A response that we ended early has no upstream any more.
    if (this.#isOver() || (side === 'response' && this.response.endOut)) return
    this[side].owed.push('trailers')
    this[side].endIn = true
    this.step({ kind: 'trailers', side })
  }

  /** Ends a waiting scan, the oldest if nothing else is said, every rule with the same outcome. */
  answerScan(outcome: Outcome, which = 0): void {
    const { scan, rules } = this.#takeScan(which)
    this.step({ kind: 'scan-end', scan, outcomes: rules.map(rule => ({ rule, outcome })) })
  }

  /** Ends a waiting scan with what its rules say, all of them local. */
  endScan(which = 0): void {
    const effect = this.#takeScan(which)
    this.step({ kind: 'scan-end', scan: effect.scan, outcomes: localOutcomes(effect) })
  }

  /** The turn that it asked for, if it did: another event that gets as far as one event may. */
  goOn(): void {
    if (this.turnsOwed === 0) return
    this.turnsOwed -= 1
    this.step({ kind: 'go-on' })
  }

  #takeScan(which: number): ScanEffect {
    const [scan] = this.scans.splice(which % this.scans.length, 1)
    if (!scan) throw new Error('no scan is waiting')
    return scan
  }

  step(event: ExchangeEvent): void {
    const inbox: ExchangeEvent[] = [event]
    for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
      for (const effect of this.#exchange.step(next)) {
        const followUp = this.#perform(effect)
        if (followUp) inbox.push(followUp)
      }
    }
  }

  #perform(effect: Effect): ExchangeEvent | undefined {
    switch (effect.kind) {
      case 'reply':
        this.#take(effect.reply)
        return undefined
      case 'scan':
        return this.#scan(effect)
      case 'read':
        return this.#read(effect)
      case 'record':
        this.records.push(effect.record)
        return undefined
      case 'unenforced':
        this.unenforced.push(effect.policy)
        return undefined
      case 'setup-gap':
        this.gaps.push(effect.gap)
        return undefined
      case 'count':
        this.counts.push(effect.what)
        return undefined
      case 'window':
        this.windowChars.push(effect.chars)
        return undefined
      case 'start-deadline':
        this.deadlines.push(effect.afterMs)
        return undefined
      case 'start-window':
        this.windows.push(effect.afterMs)
        return undefined
      case 'go-on-later':
        if (this.#localScans === 'at-once') return { kind: 'go-on' }
        this.turnsOwed += 1
        return undefined
      case 'pause':
      case 'resume':
        this.paused = effect.kind === 'pause'
        return undefined
      case 'end':
        this.ended = effect
        return undefined
      default:
        return undefined
    }
  }

  /** Ends the oldest reading that waits, with what the body holds unless the test says otherwise. */
  answerRead(result?: ReadResult): void {
    const next = this.reads.shift()
    if (!next) throw new Error('no body is to be read')
    const { read, job } = next
    this.step({ kind: 'read-end', read, result: result ?? readBody(job, contentCodings) })
  }

  #read(effect: ReadEffect): ExchangeEvent | undefined {
    if (this.holdsReads) {
      this.reads.push(effect)
      return undefined
    }
    return { kind: 'read-end', read: effect.read, result: readBody(effect.job, contentCodings) }
  }

  #scan(effect: ScanEffect): ExchangeEvent | undefined {
    if (this.#localScans === 'at-once') {
      const outcomes = localOutcomes(effect)
      if (outcomes.length === effect.rules.length) return { kind: 'scan-end', scan: effect.scan, outcomes }
    }
    this.scans.push(effect)
    return undefined
  }

  #take(reply: Reply): void {
    if (this.#isOver()) throw new Error(`a reply after the end: ${reply.kind}`)
    if (reply.kind === 'local') {
      this.#takeLocal(reply)
      return
    }
    const side = this[reply.side]
    if (side.endOut && reply.kind !== 'trailers')
      throw new Error(`${reply.kind} after the end of ${reply.side}`)
    switch (reply.kind) {
      case 'headers':
        this.#settle(side, 'headers')
        side.headersOut = true
        side.mutation = reply.mutation
        side.override = reply.override?.responseBody
        if (side.endIn && side.owed.length === 0 && this.#modeOf(reply.side) !== 'full-duplex')
          side.endOut = true
        return
      case 'body':
        this.#settle(side, 'body')
        side.out.push(reply.replace ?? side.chunks[0]!)
        side.chunks.shift()
        if (reply.mutation) side.mutation = reply.mutation
        if (side.endIn && side.owed.length === 0) side.endOut = true
        return
      case 'streamed-body':
        if (this.#modeOf(reply.side) !== 'full-duplex') throw new Error('a streamed body outside full duplex')
        if (!side.headersOut) throw new Error('a body before its headers')
        if (!side.started) throw new Error('a body reply before the first body message')
        if (side.bodiless) throw new Error('a body reply to a message without a body')
        if (reply.body.byteLength > 65_536) throw new Error('a duplex piece that is too large')
        side.out.push(reply.body)
        side.endOut ||= reply.endOfStream
        return
      case 'trailers':
        this.#settle(side, 'trailers')
        side.endOut = true
        return
    }
  }

  #takeLocal(reply: LocalReply): void {
    const held = this.#modeOf('response') === 'buffered' && this.response.owed.includes('body')
    if (this.response.headersOut && !held) {
      throw new Error('a local reply after response headers resets the client')
    }
    this.localReply = reply
  }

  #settle(side: Direction, kind: Direction['owed'][number]): void {
    if (side.owed[0] !== kind) throw new Error(`a reply to ${kind} that is not owed (owed: ${side.owed})`)
    side.owed.shift()
  }

  #modeOf(side: 'request' | 'response'): BodyMode {
    return side === 'request' ? this.#init.requestMode : this.#init.responseMode
  }

  #isOver(): boolean {
    return this.localReply !== undefined || (this.ended !== undefined && this.ended.status !== 'ok')
  }
}

/** What the local rules of a scan say. */
function localOutcomes({ rules, subject }: ScanEffect): readonly RuleOutcome[] {
  return rules.flatMap(rule =>
    rule.guardrail.locality === 'local'
      ? [{ rule, outcome: runLocalScan(rule.guardrail, subject, () => 0) }]
      : [],
  )
}
