import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { fuzz } from './target.ts'
import { TARGETS } from './targets.ts'

/** All targets together about 30 s. Another seed every time; the one of a failure is printed with it. */
const EACH_MS = 30_000 / TARGETS.length
const SEED = randomInt(2 ** 30)

test.each(TARGETS.map(target => [target.name, target] as const))('%s', (name, target) => {
  const { failure } = fuzz(target, SEED, EACH_MS)
  const again = `node test/fuzz/main.ts --seconds 1 --target ${name} --seed ${failure?.seed}`
  expect(failure && `${again}\n${failure.shrunk}\n${failure.error}`).toBeUndefined()
})
