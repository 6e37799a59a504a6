import { describe, expect, test } from 'vitest'
import { MatchApart } from '../../../../src/guardrail/regex/match-apart.ts'
import { regex } from '../../../../src/guardrail/regex/regex.ts'
import { runStage } from '../../../../src/guardrail/run-stage.ts'
import { input } from '../segments.ts'

const WORD = { name: 'word', pattern: 'se+cret' }
/** To look for it in so much text takes a minute. */
const ENDLESS = { name: 'endless', pattern: '(a?){200}a{200}' }
const LONG = 'The quick brown fox and a lazy dog. '.repeat(100_000)
const never = (): AbortSignal => new AbortController().signal
const script = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(code)}`)

function guardrail(...patterns: readonly { name: string; pattern: string; flags?: string }[]) {
  return regex.create('mine', regex.configSchema.parse({ kind: 'regex', patterns }))
}

describe('regex on another thread', () => {
  test('says what it says at once', async () => {
    const mine = guardrail(
      WORD,
      { name: 'start', pattern: '^the', flags: 'im' },
      { name: 'a', pattern: 'x*' },
    )
    const subject = input('a seeecret', '', 'x\nThe secret secret', 'nothing')
    expect(await mine.scanApart?.(subject, never())).toEqual(mine.scan(subject))
    expect(await mine.scanApart?.(input('clean'), never())).toEqual({ kind: 'clean' })
  })

  test('is where a stage has large texts matched, and only those', async () => {
    const mine = guardrail(WORD)
    const where: string[] = []
    const watched = {
      ...mine,
      scan: (subject: Parameters<typeof mine.scan>[0]) => {
        where.push('at once')
        return mine.scan(subject)
      },
    }
    const stage = (text: string) =>
      runStage({
        guardrails: [watched],
        subject: input(text),
        stop: new AbortController(),
        clock: () => 0,
        isFinal: () => false,
      })
    expect(await stage('a secret')).toMatchObject([{ verdict: { kind: 'flagged' } }])
    expect(where).toEqual(['at once'])
    const large = await stage(`${'x'.repeat(100_000)} secret`)
    expect(large).toMatchObject([{ verdict: { findings: [{ detector: 'word', span: { start: 100_001 } }] } }])
    expect(where).toEqual(['at once'])
  })

  test('the more there is to match, the less is matched at once', () => {
    const few = guardrail(WORD).atOnceWeight ?? 0
    const many = guardrail(...Array.from({ length: 100 }, (_, i) => ({ ...WORD, name: `n${i}` })))
    expect(few / (many.atOnceWeight ?? 0)).toBeCloseTo(100)
    expect(guardrail(ENDLESS).atOnceWeight).toBeLessThan(2000)
  })

  test('a job is not kept waiting by all patterns of another', async () => {
    const apart = new MatchApart(Array.from({ length: 200 }, (_, i) => ({ ...WORD, name: `w${i}` })))
    const ended: string[] = []
    const note = (name: string) => () => ended.push(name)
    const large = apart.match(['secret '.repeat(2000), 'secret'], never()).then(note('large'))
    const small = apart.match(['secret'], never()).then(note('small'))
    await Promise.all([large, small])
    expect(ended).toEqual(['small', 'large'])
  })

  test('nobody waits for a job that is cancelled, and a thread that does not listen is replaced', async () => {
    const apart = new MatchApart([ENDLESS], { graceMs: 20 })
    const stop = new AbortController()
    const first = apart.match(['short'], never())
    const endless = apart.match([LONG], stop.signal)
    // Once the first is over the thread is busy with the second, and the third waits for it.
    expect(await first).toEqual([])
    const other = apart.match(['a'.repeat(200)], never())
    stop.abort()
    await expect(endless).rejects.toMatchObject({ reason: 'cancelled' })
    expect(await other).toMatchObject([{ detector: 'endless' }])
    await expect(apart.match(['a secret'], stop.signal)).rejects.toMatchObject({ reason: 'cancelled' })
  })

  test('a thread that breaks is a failure of all its jobs, and the next job starts another', async () => {
    for (const [entry, why] of [
      [script('throw new Error("no start")'), 'ended'],
      [script('process.exit(0)'), 'ended'],
      [new URL('file:///not/there.mjs'), 'ended'],
      [
        script(
          'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => { throw 1 })',
        ),
        'ended',
      ],
      [
        script(
          'import { parentPort } from "node:worker_threads"; parentPort.on("message", ({ id }) => parentPort.postMessage({ kind: "failed", id, why: "RangeError" }))',
        ),
        'RangeError',
      ],
    ] as const) {
      const apart = new MatchApart([WORD], { entry })
      const jobs = [apart.match(['a'], never()), apart.match(['b'], never())]
      for (const job of jobs)
        await expect(job).rejects.toMatchObject({ reason: 'internal', message: expect.stringContaining(why) })
      await expect(apart.match(['a'], never())).rejects.toMatchObject({ reason: 'internal' })
    }
  })

  test('an idle thread ends, and another takes the next job', async () => {
    const threads = script(
      `import { parentPort, threadId } from "node:worker_threads"
      parentPort.on("message", ({ id }) => parentPort.postMessage({ kind: "matched", id, findings: [{ detector: "t" + threadId }] }))`,
    )
    const lasting = new MatchApart([WORD], { entry: threads })
    expect(await lasting.match([''], never())).toEqual(await lasting.match([''], never()))
    const brief = new MatchApart([WORD], { entry: threads, idleMs: 0 })
    const first = await brief.match([''], never())
    for (;;) {
      // The time that a thread needs to be idle for passes with the event loop's turns.
      await new Promise(resolve => setTimeout(resolve, 1))
      const [{ detector } = { detector: '' }] = await brief.match([''], never())
      if (detector !== first[0]?.detector) break
    }
  })
})
