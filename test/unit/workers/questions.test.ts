import { expect, test } from 'vitest'
import type { ToWorker } from '../../../src/workers/messages.ts'
import { type Answer, Questions } from '../../../src/workers/questions.ts'

const NEVER_MS = 60_000

function workers(count: number) {
  const sent: (readonly [number, ToWorker])[] = []
  const asked = Array.from({ length: count }, (_, index) => ({
    index,
    send: (message: ToWorker) => void sent.push([index, message]),
  }))
  return { asked, sent }
}

const answerTo = (request: number, last = 0): Answer => ({
  kind: 'decisions',
  request,
  lines: [],
  missed: 0,
  last,
})
const ask = (request: number): Extract<ToWorker, { kind: 'give-decisions' }> => ({
  kind: 'give-decisions',
  request,
  after: 0,
})

test('resolve when all have answered, each question with its own answers', async () => {
  const questions = new Questions()
  const { asked, sent } = workers(2)
  const taken: unknown[] = []
  const first = questions.ask(asked, ask, (worker, answer) => taken.push([worker, answer]), NEVER_MS)
  const second = questions.ask(asked.slice(0, 1), ask, () => taken.push('second'), NEVER_MS)
  expect(sent.map(([index, { kind }]) => [index, kind])).toEqual([
    [0, 'give-decisions'],
    [1, 'give-decisions'],
    [0, 'give-decisions'],
  ])
  questions.answered(1, answerTo(1, 7))
  questions.answered(0, answerTo(1, 8))
  await first
  expect(taken).toEqual([
    [1, answerTo(1, 7)],
    [0, answerTo(1, 8)],
  ])
  questions.answered(0, answerTo(2))
  await second
})

test('wait for none that has ended, and take no second answer of one', async () => {
  const questions = new Questions()
  const taken: number[] = []
  const done = questions.ask(workers(3).asked, ask, worker => taken.push(worker), NEVER_MS)
  questions.answered(0, answerTo(1))
  questions.answered(0, answerTo(1))
  questions.ended(1)
  questions.ended(2)
  await done
  expect(taken).toEqual([0])
})

test('take nothing after their time, and ask nobody where there is nobody', async () => {
  const questions = new Questions()
  const taken: number[] = []
  await questions.ask(workers(1).asked, ask, worker => taken.push(worker), 1)
  questions.answered(0, answerTo(1))
  await questions.ask([], ask, worker => taken.push(worker), NEVER_MS)
  expect(taken).toEqual([])
})
