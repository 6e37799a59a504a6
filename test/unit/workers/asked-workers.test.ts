import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { WorkerPool } from '../../../src/workers/worker-pool.ts'

/** Answers whatever it is asked with its own number; ends at a judgement, or a word, that tells it to. */
const WORKER = `
const [worker] = process.argv.slice(2)
const answer = (kind, request, more) => process.send({ kind, request, ...more })
process.on('message', ({ kind, request, after, question, only }) => {
  if (kind === 'stop' || question === 'end') process.exit(0)
  if (kind === 'give-decisions')
    answer('decisions', request, { lines: [worker + ' after ' + after], last: after + 2, missed: 1 })
  if (kind === 'judge') answer('answer', request, { status: 200, body: question + ' by ' + worker })
  if (kind === 'give-metrics') {
    const names = only ?? ['weir_a', 'weir_b']
    const values = [{ value: 1, labels: {} }]
    const metrics = names.map(name => ({ name, help: name, type: 'counter', values, aggregator: 'sum' }))
    answer('metrics', request, { metrics })
  }
})
process.send({ kind: 'serving', listen: worker })
`

let folder: string
let children: ChildProcess[]
let pool: WorkerPool
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-pool-'))
  writeFileSync(join(folder, 'worker.mjs'), WORKER)
  children = []
})
afterEach(async () => {
  vi.useRealTimers()
  await pool.stop()
  rmSync(folder, { recursive: true })
})

/** Two of them, and a way to wait for the end of one, which the pool has heard of by then. */
async function startPool(firstMs: number) {
  const ended = new Map([0, 1].map(worker => [worker, Promise.withResolvers<void>()]))
  pool = new WorkerPool({
    workers: 2,
    fork: worker => {
      const child = fork(join(folder, 'worker.mjs'), [String(worker)])
      children.push(child)
      return child
    },
    backoff: { firstMs, mostMs: firstMs, healthyMs: 60_000 },
    clock: () => performance.now(),
    metricsTimeoutMs: 20_000,
    report: ({ worker }) => ended.get(worker)?.resolve(),
    reportConfig: () => {},
  })
  expect(await pool.start()).toEqual(['0', '1'])
  return (worker: number): Promise<void> => ended.get(worker)!.promise
}

test('decisions are asked for from where each worker was read to, and from the start where it began anew', async () => {
  const ended = await startPool(1)
  const lines = async () => (await pool.decisions()).lines.toSorted()
  expect(await lines()).toEqual(['0 after 0', '1 after 0'])
  expect(await lines()).toEqual(['0 after 2', '1 after 2'])
  expect((await pool.decisions()).missed).toBe(2)
  children[1]!.kill('SIGKILL')
  await ended(1)
  expect(await lines()).toEqual(['0 after 6'])
  await expect.poll(() => pool.serving).toBe(2)
  expect(await lines()).toEqual(['0 after 8', '1 after 0'])
})

test('one worker judges what is on the bench, another when that one is gone, and none when all are', async () => {
  const ended = await startPool(100_000)
  expect(await pool.judge('good', 20_000)).toMatchObject({ status: 200, body: 'good by 0' })
  // Nobody answers; that it ended is answer enough.
  expect(await pool.judge('end', 20_000)).toBeUndefined()
  await ended(0)
  expect(await pool.judge('good', 20_000)).toMatchObject({ status: 200, body: 'good by 1' })
  expect(await pool.judge('end', 20_000)).toBeUndefined()
  await ended(1)
  expect([pool.serving, await pool.judge('good', 20_000)]).toEqual([0, undefined])
})

test('metrics of all are summed, those of ended ones stay in the sums, and a look asks for what it names', async () => {
  const ended = await startPool(100_000)
  expect(await pool.render()).toMatch(/^weir_a 2$/m)
  expect((await pool.look(['weir_b'])).map(({ name }) => name)).toEqual(['weir_b'])
  children[0]!.kill('SIGKILL')
  await ended(0)
  expect(await pool.render()).toMatch(/^weir_a 2$/m)
})

test('a stop waits for no worker that would have been started again, nor starts it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const ended = await startPool(100_000)
  for (const child of children) child.kill('SIGKILL')
  await Promise.all([ended(0), ended(1)])
  expect(vi.getTimerCount()).toBe(2)
  await pool.stop()
  expect([vi.getTimerCount(), children.length]).toEqual([0, 2])
})
