import type { ContentCodings } from '../exchange/content-coding.ts'
import type { BodyMode, Effect, ExchangeEvent, HeaderReader, LocalReply, Reply } from '../exchange/events.ts'
import { Exchange } from '../exchange/exchange.ts'
import type { DecisionRecord } from '../exchange/record.ts'
import { runStage } from '../guardrail/run-stage.ts'
import { isFinal } from '../policy/decide.ts'
import type { PolicySet } from '../policy/policy.ts'
import type { Mode } from './case-schema.ts'
import { Direction, type Headers } from './direction.ts'

/** A message as Envoy gives it to Weir. Header names are lower case. */
export interface Message {
  readonly headers: Readonly<Record<string, string>>
  /** The chunks of the body; none: there is no body. */
  readonly chunks: readonly Uint8Array[]
}

/** As the shipped configs of Envoy have it. */
const BODY_MODES: Readonly<Record<Mode, { readonly request: BodyMode; readonly response: BodyMode }>> = {
  'full-duplex': { request: 'full-duplex', response: 'full-duplex' },
  streamed: { request: 'buffered', response: 'streamed' },
  buffered: { request: 'buffered', response: 'buffered' },
}

export interface Play {
  readonly mode: Mode
  readonly policySet: PolicySet
  readonly codings: ContentCodings
  readonly policyName: string | undefined
  /** The name of the Envoy route. */
  readonly route: string | undefined
  readonly request: Message
  /** Undefined: the upstream does not answer. */
  readonly response: Message | undefined
  /** Milliseconds, monotonic. */
  readonly clock: () => number
  readonly unixSeconds: number
}

/** What came of an exchange. */
export interface Played {
  readonly records: readonly DecisionRecord[]
  /** The body that the upstream got; undefined where the request did not reach it. */
  readonly upstream: Uint8Array | undefined
  /** What the client got; undefined where nothing came, or the call was ended as an error, as `failed` then says. */
  readonly client:
    | { readonly status: number; readonly headers: Headers; readonly body: Uint8Array }
    | undefined
  readonly failed: string | undefined
}

type ScanEffect = Extract<Effect, { kind: 'scan' }>

const EXCHANGE_ID = '0'.repeat(32)

/**
 * Plays Envoy towards one exchange: the request, then what the upstream answers, chunk by chunk where the mode has it so.
 * Every scan is waited for before the next chunk comes and no time passes, so that a case comes to the same each time.
 */
export async function play(given: Play): Promise<Played> {
  const stage = new Stage(given)
  await stage.send('request', given.request, given.route)
  if (given.response !== undefined && stage.reachesUpstream) {
    await stage.send('response', given.response, given.route)
  }
  await stage.step({ kind: 'closed' })
  return stage.played()
}

class Stage {
  readonly #given: Play
  readonly #exchange: Exchange
  readonly #records: DecisionRecord[] = []
  readonly #request: Direction
  readonly #response: Direction
  readonly #stops = new Map<number, AbortController>()
  readonly #running = new Set<Promise<void>>()
  #local: LocalReply | undefined
  /** By us, in place of the request that Envoy held. */
  #isAnsweredEarly = false
  #ended: Extract<Effect, { kind: 'end' }> | undefined
  /** What Envoy would have ended the exchange for. */
  #broken: string | undefined

  constructor(given: Play) {
    this.#given = given
    const { request, response } = BODY_MODES[given.mode]
    this.#request = new Direction(request)
    this.#response = new Direction(response)
    this.#exchange = new Exchange({
      stamp: { id: EXCHANGE_ID, startedAtSec: given.unixSeconds },
      policies: given.policySet,
      codings: given.codings,
      policyName: given.policyName,
      requestMode: request,
      responseMode: response,
      sendsBodyBeforeHeaderReply: false,
      observed: false,
      roomBytes: () => Number.POSITIVE_INFINITY,
    })
  }

  get reachesUpstream(): boolean {
    return this.#local === undefined && !this.#hasFailed && this.#request.isOpen
  }

  async send(
    side: 'request' | 'response',
    { headers, chunks }: Message,
    route: string | undefined,
  ): Promise<void> {
    const direction = this.#side(side)
    direction.headers = headers
    if (this.#hasLeft) return direction.pass(chunks)
    const attributes = readerOf(route === undefined ? {} : { 'xds.route_name': route })
    const bodiless = chunks.length === 0
    await this.step({ kind: 'headers', side, headers: readerOf(headers), attributes, endOfStream: bodiless })
    const messages = direction.messagesOf(chunks)
    for (const [index, body] of messages.entries()) {
      if (this.#isOver(side)) return
      if (this.#hasLeft) return direction.pass(messages.slice(index))
      if (direction.mode !== 'full-duplex' && !direction.isOpen) return this.#break(`${side} headers`)
      direction.sent(body)
      await this.step({ kind: 'body', side, body, endOfStream: index === messages.length - 1 })
      if (direction.isOwed && !this.#isOver(side)) return this.#break(`a ${side} body`)
    }
  }

  /** Until nothing is under way any more. */
  async step(event: ExchangeEvent): Promise<void> {
    this.#take(event)
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  played(): Played {
    const { status, why } = this.#ended ?? { status: 'ok', why: '' }
    return {
      records: this.#records,
      upstream: this.#hasRequestLeft ? this.#request.body : undefined,
      client: this.#client(),
      failed: this.#broken ?? (status === 'ok' ? undefined : `${status}: ${why}`),
    }
  }

  #client(): Played['client'] {
    if (this.#local !== undefined) {
      const { status, headers, body } = this.#local
      return { status, headers, body }
    }
    const { mutatedHeaders, isOpen, body } = this.#response
    if (!isOpen || this.#hasFailed) return undefined
    const { ':status': status, ...rest } = mutatedHeaders
    return { status: Number(status), headers: rest, body }
  }

  get #hasFailed(): boolean {
    return this.#broken !== undefined || (this.#ended !== undefined && this.#ended.status !== 'ok')
  }

  /** Weir has nothing left to look at. */
  get #hasLeft(): boolean {
    return this.#ended?.status === 'ok' && this.#local === undefined
  }

  /** Envoy keeps the headers of a body that it holds until that is answered. */
  get #hasRequestLeft(): boolean {
    return this.#request.isOpen && !(this.#local !== undefined && this.#isAnsweredEarly)
  }

  #break(unanswered: string): void {
    this.#broken = `${unanswered}: Envoy got no reply, and would have waited in vain`
  }

  #isOver(side: 'request' | 'response'): boolean {
    return this.#local !== undefined || this.#hasFailed || this.#side(side).isOver
  }

  #side(side: 'request' | 'response'): Direction {
    return side === 'request' ? this.#request : this.#response
  }

  #take(event: ExchangeEvent): void {
    for (const effect of this.#exchange.step(event)) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    if (effect.kind === 'reply') this.#reply(effect.reply)
    else if (effect.kind === 'scan') this.#scan(effect)
    else if (effect.kind === 'record') this.#records.push(effect.record)
    else if (effect.kind === 'end') this.#ended = effect
    // Timers never ring here, nobody has to wait, and counts are in nobody's way.
  }

  #reply(reply: Reply): void {
    if (reply.kind !== 'local') this.#side(reply.side).take(reply)
    else if (this.#response.canBeReplaced) {
      this.#local = reply
      this.#isAnsweredEarly = this.#request.isOwed
    } else this.#broken = 'a whole answer behind headers that have left: Envoy would have reset the client'
  }

  #scan({ scan, stage, rules, subject, lifetime }: ScanEffect): void {
    const stop = this.#stops.get(stage) ?? new AbortController()
    this.#stops.set(stage, stop)
    const run = async (): Promise<void> => {
      const found = await runStage({
        guardrails: rules.map(rule => rule.guardrail),
        subject,
        stop: lifetime === 'call' ? stop : new AbortController(),
        clock: this.#given.clock,
        isFinal: (index, outcome) => lifetime === 'call' && isFinal({ rule: rules[index]!, outcome }),
      })
      const outcomes = found.map((outcome, index) => ({ rule: rules[index]!, outcome }))
      this.#take({ kind: 'scan-end', scan, outcomes })
    }
    const running = run().finally(() => this.#running.delete(running))
    this.#running.add(running)
  }
}

function readerOf(values: Headers): HeaderReader {
  return { get: name => (Object.hasOwn(values, name) ? values[name] : undefined) }
}
