import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type WorkerEnd, WorkerPool } from '../../../src/workers/worker-pool.ts'

/** Serves at once, or when it is told to reload; ends after it served where it is to fail. */
const WORKER = `
const [when, how] = process.argv.slice(2)
const serve = () => process.send({ kind: 'serving', listen: 'x' }, () => how === 'fails' && process.exit(1))
process.on('message', ({ kind }) => {
  if (kind === 'stop') process.exit(0)
  if (kind === 'reload' && when === 'later') serve()
})
if (when === 'at-once') serve()
`

let folder: string
let script: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-pool-'))
  script = join(folder, 'worker.mjs')
  writeFileSync(script, WORKER)
})
afterEach(() => rmSync(folder, { recursive: true }))

test('one that ends while the others still start is started again', async () => {
  const children: ChildProcess[] = []
  const again = Promise.withResolvers<void>()
  const ends: WorkerEnd[] = []
  const pool = new WorkerPool({
    workers: 2,
    fork(worker) {
      const first = children.length < 2
      const child = fork(script, [
        worker === 0 ? 'at-once' : 'later',
        worker === 0 && first ? 'fails' : 'stays',
      ])
      children.push(child)
      if (!first) again.resolve()
      return child
    },
    backoff: { firstMs: 1, mostMs: 1, healthyMs: 60_000 },
    clock: () => performance.now(),
    metricsTimeoutMs: 1000,
    report: end => ends.push(end),
    reportConfig() {},
  })
  const started = pool.start()
  await once(children[0]!, 'exit')
  pool.reload()
  await started
  try {
    expect(ends).toMatchObject([{ worker: 0, code: 1 }])
    await again.promise
  } finally {
    await pool.stop()
  }
})
