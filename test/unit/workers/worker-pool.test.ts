import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type WorkerEnd, WorkerPool } from '../../../src/workers/worker-pool.ts'

/** Serves at once, when it is told to reload, or to stop; ends after it served where it is to fail, or is to stop. */
const WORKER = `
const [when, how] = process.argv.slice(2)
const serve = () => process.send({ kind: 'serving', listen: 'x' }, () => how === 'fails' && process.exit(1))
process.on('message', ({ kind }) => {
  if (kind === 'stop' && when === 'last') process.send({ kind: 'serving', listen: 'x' }, () => process.exit(0))
  else if (kind === 'stop') process.exit(0)
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

/** As where the program is gone, or there may be no more processes. */
function forkNothing(): ChildProcess {
  return fork(script, { execPath: '/no/such/program' })
}

type ForkWorker = (worker: number) => ChildProcess

/** Of two workers, without a wait before one is started again. */
function poolOf(
  forkWorker: ForkWorker,
  report: (end: WorkerEnd) => void = () => {},
  reportConfig: (version: string) => void = () => {},
): WorkerPool {
  return new WorkerPool({
    workers: 2,
    fork: forkWorker,
    backoff: { firstMs: 1, mostMs: 1, healthyMs: 60_000 },
    clock: () => performance.now(),
    metricsTimeoutMs: 1000,
    report,
    reportConfig,
  })
}

test('one that ends while the others still start is started again', async () => {
  const children: ChildProcess[] = []
  const again = Promise.withResolvers<void>()
  const ends: WorkerEnd[] = []
  const pool = poolOf(
    worker => {
      const first = children.length < 2
      const child = fork(script, [
        worker === 0 ? 'at-once' : 'later',
        worker === 0 && first ? 'fails' : 'stays',
      ])
      children.push(child)
      if (!first) again.resolve()
      return child
    },
    end => ends.push(end),
  )
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

test('those that come to serve although they are stopped meanwhile end, and are not started again', async () => {
  let started = 0
  const pool = poolOf(() => {
    started += 1
    return fork(script, ['last'])
  })
  const starting = pool.start().catch(() => 'stopped')
  await pool.stop()
  expect([await starting, started]).toEqual(['stopped', 2])
})

test('one that the system does not let start at first fails the start, and is not tried again', async () => {
  const ends: WorkerEnd[] = []
  const pool = poolOf(
    worker => (worker === 0 ? fork(script, ['at-once']) : forkNothing()),
    end => ends.push(end),
  )
  await expect(pool.start()).rejects.toThrow('worker 1 could not be started (ENOENT)')
  expect(ends).toEqual([])
})

test.each([
  ['says so', forkNothing],
  [
    'throws',
    () => {
      throw Object.assign(new Error('no memory'), { code: 'ENOMEM' })
    },
  ],
])('one that the system does not let start again, and %s, is tried later', async (_, failing) => {
  const again = Promise.withResolvers<void>()
  const ends: WorkerEnd[] = []
  let started = 0
  const pool = poolOf(
    worker => {
      if (worker === 0) return fork(script, ['at-once', 'stays'])
      started += 1
      if (started === 2) return failing()
      if (started === 3) again.resolve()
      return fork(script, ['at-once', started === 1 ? 'fails' : 'stays'])
    },
    end => ends.push(end),
  )
  await pool.start()
  try {
    await again.promise
    expect(ends).toMatchObject([
      { worker: 1, code: 1 },
      { worker: 1, code: null, signal: null },
    ])
  } finally {
    await pool.stop()
  }
})

/** The first tells a config at once; the second, when it is told to reload, one that was read before, and one after. */
const TELLING = `
const [worker] = process.argv.slice(2)
const tell = (version, readAtMs) => process.send({ kind: 'config', version, masked: {}, readAtMs })
process.send({ kind: 'serving', listen: 'x' })
if (worker === '0') tell('newer', 2)
process.on('message', ({ kind }) => {
  if (kind === 'stop') process.exit(0)
  if (kind === 'reload' && worker === '1') {
    tell('older', 1)
    tell('newest', 3)
  }
})
`

test('the config of a worker that is late does not take the place of a newer one', async () => {
  writeFileSync(script, TELLING)
  const told: string[] = []
  const [newer, newest] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const pool = poolOf(
    worker => fork(script, [String(worker)]),
    undefined,
    version => {
      told.push(version)
      if (version === 'newer') newer.resolve()
      if (version === 'newest') newest.resolve()
    },
  )
  try {
    await Promise.all([pool.start(), newer.promise])
    pool.reload()
    await newest.promise
    expect(told).toEqual(['newer', 'newest'])
  } finally {
    await pool.stop()
  }
})
