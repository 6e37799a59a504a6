/**
 * Runs every fuzz target, each for its share of the time, and exits 1 where one fails.
 *
 *   node test/fuzz/main.ts --seconds 60 --seed 1 [--target NAME]
 *
 * What failed is met again at once with the seed and the target that are printed.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { type Fuzzed, fuzz } from './target.ts'
import { TARGETS } from './targets.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    target: { type: 'string' },
  },
})
const chosen = TARGETS.filter(({ name }) => values.target === undefined || name === values.target)
if (chosen.length === 0) {
  console.error(`no target ${values.target}: one of ${TARGETS.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}
const seed = Number(values.seed)
const eachMs = (Number(values.seconds) * 1000) / chosen.length
if (!Number.isSafeInteger(seed) || !(eachMs >= 0)) {
  console.error('--seconds and --seed take numbers')
  process.exit(2)
}

const results = chosen.map(target => {
  const result = fuzz(target, seed, eachMs)
  print(result)
  return result
})
const cases = results.reduce((sum, result) => sum + result.cases, 0)
const seconds = results.reduce((sum, result) => sum + result.ms, 0) / 1000
console.log(`\n${cases} cases in ${seconds.toFixed(1)} s, seed ${seed}`)
process.exitCode = results.some(({ failure }) => failure !== undefined) ? 1 : 0

function print({ target, cases, ms, failure }: Fuzzed): void {
  const rate = Math.round((cases * 1000) / ms)
  console.log(`${target.padEnd(24)} ${String(cases).padStart(10)} cases  ${String(rate).padStart(8)} /s`)
  if (failure === undefined) return
  console.log(`  FAILED: node test/fuzz/main.ts --seconds 1 --target ${target} --seed ${failure.seed}`)
  console.log(`  ${failure.shrunk}\n  ${failure.error.replaceAll('\n', '\n  ')}`)
}
