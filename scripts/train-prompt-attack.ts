/**
 * Trains the classifier of local-prompt-attack and writes its model, for which docs/prompt-attack-model.md is the card:
 *
 *   make eval && node scripts/train-prompt-attack.ts [--dry-run]
 *
 * It reads the side to tune on only. The same texts give the same model, to the byte. It prints what cross-validation
 * says of it, and the threshold that lets 1 % of ordinary texts be flagged: the default in the guardrail's config.
 */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { scoreOf } from '../src/guardrail/local-prompt-attack/judge.ts'
import { encodeModel, FEATURES_VERSION } from '../src/guardrail/local-prompt-attack/model.ts'
import { type Bag, bagOf, type LabelledText } from './prompt-attack/bags.ts'
import { calibrate } from './prompt-attack/calibrate.ts'
import { disguised } from './prompt-attack/disguised.ts'
import { groupsOf } from './prompt-attack/groups.ts'
import { quantised } from './prompt-attack/quantise.ts'
import { seeds } from './prompt-attack/seeds.ts'
import { bestWindow, train, type Weights } from './prompt-attack/train.ts'

const SET = '.cache/eval/sets/attacks.tune.jsonl'
const MODEL = 'src/guardrail/local-prompt-attack/model.bin'
/** What cross-validation found best; flat around it. */
const OPTIONS = { epochs: 20, rate: 0.05, decay: 0.02, seed: 7 }
const CLASS_WEIGHTS = { attack: 1.5, ordinary: 1, hard: 3 }
/** A text weighs less the more near copies it has: n copies weigh as n to the power of 1 less this. */
const COPIES = 0.4
const FOLDS = 5

async function main(): Promise<void> {
  const data = await readFile(SET, 'utf8')
  const set = data
    .trim()
    .split('\n')
    .map((line): LabelledText => JSON.parse(line))
  const items = [...set, ...disguised(set), ...seeds()]
  const bags = weighted(items)
  const trainedOn = createHash('sha256').update(items.map(item => JSON.stringify(item)).join('\n'))
  // What is added to the set is taught, not measured: the set alone says how good the model is.
  const measured = bags.slice(0, set.length)
  const sums = outOfFold(bags, ({ group }) => (Math.imul(group, 2654435761) >>> 8) % FOLDS)
  const calibration = calibrate(
    measured.map(({ item }, index) => ({ sum: sums[index] ?? 0, attack: item.label === 'attack' })),
  )
  const model = { ...quantised(train(bags, OPTIONS)), ...calibration, trainedOn: trainedOn.digest('hex') }
  report(
    measured,
    sums.slice(0, set.length).map(sum => scoreOf(model, sum)),
  )
  if (process.argv.includes('--by-source')) {
    const unseen = outOfFold(bags, ({ item }) => item.source).slice(0, set.length)
    reportBySource(
      measured,
      unseen.map(sum => scoreOf(model, sum)),
    )
  }
  if (process.argv.includes('--dry-run')) return
  await writeFile(MODEL, encodeModel(model))
  console.log(`wrote ${MODEL}, features version ${FEATURES_VERSION}`)
}

function weighted(items: readonly LabelledText[]): readonly Bag[] {
  const groups = groupsOf(items)
  const sizes = new Map<number, number>()
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  return items.map((item, index) => {
    const group = groups[index] ?? 0
    return { ...bagOf(item, group), weight: CLASS_WEIGHTS[item.label] * (sizes.get(group) ?? 1) ** -COPIES }
  })
}

/** The sum of each text's best window, by a model that has seen nothing of its fold. */
function outOfFold<Fold>(bags: readonly Bag[], foldOf: (bag: Bag) => Fold): readonly number[] {
  const sums: number[] = bags.map(() => 0)
  for (const fold of new Set(bags.map(foldOf))) {
    const { table, step, traits } = quantised(
      train(
        bags.filter(bag => foldOf(bag) !== fold),
        OPTIONS,
      ),
    )
    const weights: Weights = { slots: Float32Array.from(table, weight => weight * step), traits }
    for (const [index, bag] of bags.entries()) {
      if (foldOf(bag) === fold) sums[index] = bestWindow(bag, weights).score
    }
  }
  return sums
}

/** What cross-validation says, at the threshold that flags 1 % of ordinary texts and at others. */
function report(bags: readonly Bag[], scores: readonly number[]): void {
  const of = (label: LabelledText['label']) => scores.filter((_, index) => bags[index]?.item.label === label)
  const ordinary = of('ordinary').sort((a, b) => b - a)
  const atOne = ordinary[Math.floor(ordinary.length / 100)] ?? 0
  for (const threshold of [atOne, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]) {
    const flagged = (label: LabelledText['label']): string => shareOver(of(label), threshold)
    console.log(
      `from ${threshold}: attacks ${flagged('attack')}, ordinary ${flagged('ordinary')}, hard ${flagged('hard')}`,
    )
  }
}

const SHIPPED_THRESHOLD = 0.5

/** How it does on a source that it has seen nothing of: what to expect of attacks that nobody collected. */
function reportBySource(bags: readonly Bag[], scores: readonly number[]): void {
  for (const label of ['attack', 'ordinary', 'hard'] as const) {
    const sources = new Map<string, number[]>()
    for (const [index, { item }] of bags.entries()) {
      if (item.label === label)
        sources.set(item.source, [...(sources.get(item.source) ?? []), scores[index] ?? 0])
    }
    const all = [...sources.values()].flat()
    const rates = [...sources].map(
      ([name, own]) => `${name} ${shareOver(own, SHIPPED_THRESHOLD)} of ${own.length}`,
    )
    console.log(`unseen source, ${label}: ${shareOver(all, SHIPPED_THRESHOLD)} (${rates.join('; ')})`)
  }
}

const shareOver = (scores: readonly number[], threshold: number): string =>
  `${((100 * scores.filter(score => score >= threshold).length) / Math.max(1, scores.length)).toFixed(1)} %`

await main()
