import type { Outcome } from '../../src/guardrail/guardrail.ts'
import { CHAT_HEADERS } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { policySet } from '../support/policies.ts'
import { must, mustEqual } from './require.ts'
import { type Act, bytesOf, enforces, MARK, type Scene, scene, textOf, verdictOn } from './scene.ts'
import { fuzzTarget } from './target.ts'

type Side = 'request' | 'response'

/** One side's messages as Envoy sends them: headers, pieces of the body, its end. */
class Sender {
  readonly #side: Side
  readonly #scene: Scene
  readonly #envoy: EnvoyModel
  #state: 'waiting' | 'body' | 'over' = 'waiting'
  readonly #bytes: Buffer
  #at = 0
  /** Bytes that went on without Weir after an OK end. */
  readonly alone: Buffer[] = []
  status = ''

  constructor(side: Side, scene: Scene, envoy: EnvoyModel) {
    this.#side = side
    this.#scene = scene
    this.#envoy = envoy
    this.#bytes = bytesOf(side === 'request' ? scene.request : scene.answer)
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  get hasBegun(): boolean {
    return this.#state !== 'waiting'
  }

  /** The next message; at most `size` bytes of a body. */
  next(size: number): void {
    if (this.#state === 'waiting') this.#headers()
    else if (this.#state === 'body') this.#body(size)
  }

  get #mode(): string {
    const { requestMode, responseMode } = this.#scene.init
    if (this.#side === 'request') return requestMode
    const isSwitched = this.#scene.buffersOnWish && this.#envoy.response.override === 'buffered'
    return isSwitched ? 'buffered' : responseMode
  }

  #headers(): void {
    const { request, answer } = this.#scene
    const { coding } = this.#side === 'request' ? request : answer
    const given: Record<string, string> = coding === undefined ? {} : { 'content-encoding': coding }
    if (this.#side === 'request') Object.assign(given, CHAT_HEADERS)
    else {
      // Before the request has gone on only Envoy itself can answer.
      this.status = this.#hasReachedUpstream ? this.#scene.status : '503'
      given[':status'] = this.status
      if (answer.contentType !== undefined) given['content-type'] = answer.contentType
    }
    this.#state = 'body'
    if (!this.#isAlone) this.#envoy.headers(this.#side, given)
  }

  get #hasReachedUpstream(): boolean {
    const { headersOut, endIn, owed } = this.#envoy.request
    const isHeld = this.#scene.init.requestMode === 'buffered' && !(endIn && owed.length === 0)
    return this.#isAlone || (headersOut && !isHeld)
  }

  get #isAlone(): boolean {
    return this.#envoy.ended?.status === 'ok'
  }

  #body(size: number): void {
    const { owed } = this.#envoy[this.#side]
    // In observability_mode Envoy waits for nothing.
    if (this.#scene.init.observed) owed.length = 0
    const isWhole = this.#mode === 'buffered' || this.#mode === 'buffered-partial'
    const isUnseen = this.#isAlone || this.#mode === 'none' || this.#mode === 'grpc'
    // Whatever the mode, no body goes on before the headers do; only full duplex shows it meanwhile.
    if (!this.#isAlone && this.#mode !== 'full-duplex' && owed.includes('headers')) return
    const piece = this.#bytes.subarray(this.#at, isWhole ? undefined : this.#at + size)
    const isLast = this.#at + piece.byteLength >= this.#bytes.byteLength
    const isTrailed = this.#scene.ends[this.#side] === 'trailers'
    if (isUnseen) this.alone.push(piece)
    else if (piece.byteLength > 0 || !isTrailed)
      this.#envoy.body(this.#side, piece, isLast && !isTrailed ? 'end' : 'more')
    this.#at += piece.byteLength
    if (!isLast) return
    this.#state = 'over'
    if (isTrailed && !this.#isAlone) this.#envoy.trailers(this.#side)
  }
}

interface Played {
  readonly envoy: EnvoyModel
  readonly request: Sender
  readonly response: Sender
  /** A scan failed, or time ran out. */
  readonly somethingFailed: boolean
}

function play(scene: Scene): Played {
  const envoy = new EnvoyModel(policySet(scene.policy), { ...scene.init, mode: scene.init.requestMode })
  const request = new Sender('request', scene, envoy)
  const response = new Sender('response', scene, envoy)
  let somethingFailed = false
  const isOver = (): boolean =>
    envoy.localReply !== undefined || (envoy.ended !== undefined && envoy.ended.status !== 'ok')
  const answer = (fails: boolean): void => {
    const [scan] = envoy.scans
    if (scan === undefined) return
    somethingFailed ||= fails
    const outcome: Outcome = fails
      ? { kind: 'failure', reason: 'timeout', ms: 0 }
      : { kind: 'verdict', verdict: verdictOn(scan.subject.segments), ms: 0 }
    envoy.answerScan(outcome)
  }
  const perform = (act: Act): void => {
    if (isOver()) return
    if (act.kind === 'verdict') answer(act.fails)
    else if (act.kind === 'request' || act.kind === 'response') {
      if (envoy.paused) return
      if (act.kind === 'request') request.next(act.size)
      else if (request.hasBegun) response.next(act.size)
    } else if (request.hasBegun) {
      somethingFailed ||= act.kind === 'deadline' || act.kind === 'over-budget'
      envoy.step({ kind: act.kind })
    }
  }
  for (const act of scene.acts) perform(act)
  // What was left out comes now, so that every exchange has an end.
  for (let round = 0; round < 60 && !isOver(); round++) {
    if (!request.isOver) perform({ kind: 'request', size: 400 })
    else if (!response.isOver) perform({ kind: 'response', size: 400 })
    perform({ kind: 'verdict', fails: false })
  }
  // Shadow scans outlive the exchange, and tell its record.
  while (isOver() && envoy.scans.length > 0) answer(false)
  must(isOver() || (request.isOver && response.isOver && envoy.scans.length === 0), 'an exchange that hangs')
  return { envoy, request, response, somethingFailed }
}

/** What went on: by Weir's leave, and without Weir after an OK end. */
const out = (played: Played, side: Side): Buffer =>
  Buffer.concat([played.envoy[side].bytes, ...played[side].alone])

/** What went on to the upstream and to the client holds nothing that a rule had to keep back. */
function keepsMarkBack(scene: Scene, played: Played): void {
  const { envoy, request, response } = played
  if (scene.init.observed) return
  if (enforces(scene.policy.inputRules) && scene.request.isMarked) {
    must(!textOf(out(played, 'request')).includes(MARK), 'the upstream got what was flagged')
  }
  const isAnswer = response.status.startsWith('2')
  if (enforces(scene.policy.outputRules) && isAnswer) {
    must(!textOf(out(played, 'response')).includes(MARK), 'the client got what was flagged')
  }
  const { inputRules, parallelRules } = scene.policy
  // What was redacted before is nothing that they see.
  const isDenied = enforces(parallelRules) && !inputRules.some(({ action }) => action === 'redact')
  if (isDenied && isAnswer && scene.request.isMarked && request.isOver) {
    must(out(played, 'response').byteLength === 0, 'an answer to what was flagged')
  }
  must(!Buffer.from(envoy.localReply?.body ?? []).includes(MARK), 'a refusal that tells what was flagged')
}

/** An OK end is a promise: all that came was answered, and nothing of it is missing. */
function endsHonestly({ init }: Scene, played: Played): void {
  const { envoy } = played
  if (init.observed) {
    must(envoy.request.bytes.byteLength + envoy.response.bytes.byteLength === 0, 'a reply that nobody takes')
    return
  }
  if (envoy.localReply !== undefined || envoy.ended?.status === 'unavailable') return
  if (envoy.ended?.status === 'failed-precondition') return
  mustEqual(envoy.request.owed, [], 'a request message without an answer')
  mustEqual(envoy.response.owed, [], 'a response message without an answer')
}

/** What was judged has one record, however it ended. */
function isAccounted({ init, policy }: Scene, { envoy, request }: Played): void {
  const records = (side: Side): number => envoy.records.filter(({ phase }) => phase === side).length
  must(records('request') <= 1 && records('response') <= 1, 'two records of one side')
  if (
    init.observed ||
    policy.inputRules.length === 0 ||
    !request.isOver ||
    envoy.ended?.status === 'failed-precondition'
  )
    return
  must(records('request') === 1, 'a request without a record')
}

/** Where nothing is wrong with an exchange, every byte of it arrives. */
function losesNothing(scene: Scene, played: Played): void {
  const { envoy, somethingFailed } = played
  const isWrong = envoy.records.some(({ effective }) => effective !== 'released') || somethingFailed
  if (isWrong || envoy.localReply !== undefined || (envoy.ended && envoy.ended.status !== 'ok')) return
  if (scene.init.observed) return
  if (!scene.policy.canonicalize) {
    must(out(played, 'request').equals(bytesOf(scene.request)), 'the upstream misses bytes')
  }
  const read = textOf(out(played, 'response'))
  must(read === textOf(bytesOf(scene.answer)), 'the client misses bytes')
}

/** What a second run must say as well. */
const told = ({ envoy }: Played): unknown => ({
  ...{ request: envoy.request, response: envoy.response, records: envoy.records, counts: envoy.counts },
  ...{ reply: envoy.localReply, ended: envoy.ended, windows: envoy.windows },
})

/** Whatever Envoy may send in whatever order, with verdicts and timers in between. */
export const exchanges = fuzzTarget('exchanges', 100, scene, one => {
  const played = play(one)
  keepsMarkBack(one, played)
  endsHonestly(one, played)
  losesNothing(one, played)
  isAccounted(one, played)
  mustEqual(told(play(one)), told(played), 'two runs differ')
})
