import { describe, expect, test, vi } from 'vitest'
import {
  type Finding,
  type Guardrail,
  GuardrailFailure,
  type Outcome,
  type RemoteGuardrail,
  type Verdict,
} from '../../../src/guardrail/guardrail.ts'
import { runStage, type StageRun, scanAtOnce } from '../../../src/guardrail/run-stage.ts'
import { Turns } from '../../../src/guardrail/turns.ts'
import { input } from './segments.ts'

const CLEAN: Verdict = { kind: 'clean' }
const finding: Finding = { detector: 'prompt_attack' }
const FLAGGED: Verdict = { kind: 'flagged', findings: [finding] }
const CANCELLED = { kind: 'failure', reason: 'cancelled' }

/** A guard service that answers when the test says so. */
class Service implements RemoteGuardrail {
  readonly name = 'remote'
  readonly locality = 'remote'
  readonly timeoutMs = 60_000
  readonly answer = Promise.withResolvers<Verdict>()
  readonly signals: AbortSignal[] = []

  scan(_subject: unknown, signal: AbortSignal): Promise<Verdict> {
    this.signals.push(signal)
    return this.answer.promise
  }

  get wasAborted(): boolean {
    return this.signals.some(({ aborted }) => aborted)
  }
}

const isFlagged = (_index: number, outcome: Outcome): boolean =>
  outcome.kind === 'verdict' && outcome.verdict.kind === 'flagged'

function run(guardrails: readonly Guardrail[], rest: Partial<StageRun> = {}): Promise<readonly Outcome[]> {
  const stop = new AbortController()
  return runStage({ guardrails, subject: input('hello'), stop, clock: () => 0, isFinal: isFlagged, ...rest })
}

const verdict = (of: Verdict): Outcome => ({ kind: 'verdict', verdict: of, ms: 0 })

describe('the guardrails of one stage', () => {
  test('have an outcome each, in their order, whichever answers first', async () => {
    const [first, second] = [new Service(), new Service()]
    const ended = run([first, second], { isFinal: () => false })
    second.answer.resolve(FLAGGED)
    await second.answer.promise
    first.answer.resolve(CLEAN)
    expect(await ended).toEqual([verdict(CLEAN), verdict(FLAGGED)])
    expect([first, second].some(service => service.wasAborted)).toBe(false)
  })

  test('are cut short by the first final outcome, wherever it stands', async () => {
    for (const at of [0, 1, 2]) {
      const services = [new Service(), new Service(), new Service()]
      const onFault = vi.fn()
      const ended = run(services, { onFault })
      services[at]!.answer.resolve(FLAGGED)
      const outcomes = await ended
      expect(outcomes[at]).toEqual(verdict(FLAGGED))
      for (const [index, service] of services.entries()) {
        expect(service.wasAborted).toBe(index !== at)
        if (index !== at) expect(outcomes[index]).toMatchObject(CANCELLED)
      }
      expect(onFault).not.toHaveBeenCalled()
    }
  })

  test('that failed first cut nothing short: the denial that comes later still counts', async () => {
    const [failing, flagging] = [new Service(), new Service()]
    const ended = run([failing, flagging])
    failing.answer.reject(new GuardrailFailure('unreachable', 'down'))
    await failing.answer.promise.catch(() => {})
    flagging.answer.resolve(FLAGGED)
    expect(await ended).toMatchObject([{ reason: 'unreachable' }, { verdict: FLAGGED }])
    expect(flagging.wasAborted).toBe(false)
  })

  test('that would fail later are not waited for, and what they throw then is nobody’s', async () => {
    const [flagging, failing] = [new Service(), new Service()]
    const onFault = vi.fn()
    const ended = run([flagging, failing], { onFault })
    flagging.answer.resolve(FLAGGED)
    expect(await ended).toMatchObject([{ verdict: FLAGGED }, CANCELLED])
    failing.answer.reject(new GuardrailFailure('unreachable', 'down'))
    await failing.answer.promise.catch(() => {})
    expect(onFault).not.toHaveBeenCalled()
  })

  test('are judged final by their place among the guardrails', async () => {
    const services = [new Service(), new Service()]
    const ended = run(services, { isFinal: index => index === 1 })
    services[0]!.answer.resolve(FLAGGED)
    await services[0]!.answer.promise
    expect(services[1]!.wasAborted).toBe(false)
    services[1]!.answer.resolve(CLEAN)
    expect(await ended).toEqual([verdict(FLAGGED), verdict(CLEAN)])
  })

  test('are one stage with those of another run that shares its stop', async () => {
    const stop = new AbortController()
    const [flagging, hanging] = [new Service(), new Service()]
    const [first, second] = [run([flagging], { stop }), run([hanging], { stop })]
    flagging.answer.resolve(FLAGGED)
    expect(await first).toEqual([verdict(FLAGGED)])
    expect(await second).toMatchObject([CANCELLED])
    expect(hanging.wasAborted).toBe(true)
  })

  test('are not asked any more once the stage has been stopped', async () => {
    const late = new Service()
    const stop = new AbortController()
    stop.abort()
    expect(await run([late], { stop })).toMatchObject([CANCELLED])
    expect(late.signals).toEqual([])
  })

  test('may be local too, and a final outcome of theirs spares the service', async () => {
    const local: Guardrail = { name: 'local', locality: 'local', scan: () => FLAGGED }
    const service = new Service()
    expect(await run([local, service])).toMatchObject([{ verdict: FLAGGED }, CANCELLED])
    expect(service.signals).toEqual([])
  })
})

describe('local guardrails with texts that are large', () => {
  const large = input('x'.repeat(100_000))
  /** Finds what it is told to at the text's end. */
  const slicing = (findings: readonly Finding[], seen: number[]): Guardrail => ({
    name: 'slicing',
    locality: 'local',
    scan: () => CLEAN,
    openScan: () => ({
      push(piece) {
        seen.push(piece.length)
        return { findings: [], safeTo: 0 }
      },
      end: () => ({ findings, safeTo: 0 }),
    }),
  })

  test('judge them in slices, and a final outcome ends what is left of the stage', async () => {
    let nowMs = 0
    const clock = (): number => nowMs++
    const seen: [number[], number[]] = [[], []]
    const guardrails = [slicing([finding], seen[0]), slicing([], seen[1])]
    const stage = run(guardrails, { subject: large, turns: new Turns(clock, setImmediate), clock })
    expect(await stage).toMatchObject([{ verdict: FLAGGED }, CANCELLED])
    // They took turns, and the first began.
    expect(seen[0].length).toBeGreaterThan(10)
    expect(seen[1].length).toBeGreaterThan(seen[0].length / 2)
    expect(seen[1].length).toBeLessThan(seen[0].length)
  })

  test('are cancelled with the stage, before as well as while they judge', async () => {
    const seen: number[] = []
    const stop = new AbortController()
    const scans = run([slicing([], seen)], { subject: large, stop, turns: new Turns(() => 0, setImmediate) })
    expect(await scans).toMatchObject([{ verdict: CLEAN }])
    seen.length = 0
    stop.abort()
    expect(await run([slicing([], seen)], { subject: large, stop })).toMatchObject([CANCELLED])
    expect(seen).toEqual([])
  })

  test('are left for later by who wants to know at once', () => {
    const seen: number[] = []
    const remote = new Service()
    const task = { guardrails: [slicing([], seen)], subject: input('small'), clock: () => 0 }
    expect(scanAtOnce(task)).toEqual([verdict(CLEAN)])
    expect(scanAtOnce({ ...task, subject: large })).toBeUndefined()
    expect(scanAtOnce({ ...task, subject: input(...Array<string>(1000).fill('')) })).toBeUndefined()
    expect(scanAtOnce({ ...task, guardrails: [...task.guardrails, remote] })).toBeUndefined()
    expect(scanAtOnce({ ...task, guardrails: [] })).toEqual([])
    expect([seen, remote.signals]).toEqual([[], []])
  })
})
