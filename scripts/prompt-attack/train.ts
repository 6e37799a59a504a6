import { TABLE_BITS } from '../../src/guardrail/local-prompt-attack/features.ts'
import { TRAITS } from '../../src/guardrail/local-prompt-attack/traits.ts'
import { eachWindow, weighed } from '../../src/guardrail/local-prompt-attack/windows.ts'
import type { Bag, KeptReading } from './bags.ts'

export interface Weights {
  readonly slots: Float32Array
  readonly traits: Float32Array
}

export interface TrainOptions {
  readonly epochs: number
  readonly rate: number
  /** Weights shrink by this share after each epoch. */
  readonly decay: number
  readonly seed: number
}

/** The same numbers on every machine. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Best {
  score: number
  reading: KeptReading | undefined
  start: number
  end: number
  traits: number
}

const sums = new Float64Array(1 << 17)

function traitSum(weights: Weights, traits: number): number {
  let sum = 0
  for (let i = 0; i < TRAITS.length; i++) if ((traits >>> i) & 1) sum += weights.traits[i] ?? 0
  return sum
}

/** The window that looks most like an attack. */
export function bestWindow(bag: Bag, weights: Weights): Best {
  const best: Best = { score: Number.NEGATIVE_INFINITY, reading: undefined, start: 0, end: 0, traits: 0 }
  const table = weights.slots
  for (const reading of bag.readings) {
    const { slots, from, length } = reading
    let sum = 0
    let next = 0
    for (let at = 0; at < length; at++) {
      sums[at] = sum
      const end = from[at + 1] ?? 0
      while (next < end) sum += table[slots[next++] ?? 0] ?? 0
    }
    sums[length] = sum
    eachWindow(length, (start, end, scaleTrait) => {
      const traits = reading.traits | scaleTrait
      const score = ((sums[end] ?? 0) - (sums[start] ?? 0)) * weighed(end - start) + traitSum(weights, traits)
      if (score > best.score) Object.assign(best, { score, reading, start, end, traits })
    })
  }
  return best
}

/** Logistic regression on the best window of each bag, by AdaGrad; the mean over the last epochs. */
export function train(bags: readonly Bag[], options: TrainOptions): Weights {
  const size = 1 << TABLE_BITS
  const weights: Weights = { slots: new Float32Array(size), traits: new Float32Array(TRAITS.length) }
  const mean: Weights = { slots: new Float32Array(size), traits: new Float32Array(TRAITS.length) }
  const squares = new Float32Array(size).fill(1e-2)
  const traitSquares = new Float32Array(TRAITS.length).fill(1)
  const random = randomOf(options.seed)
  const order = bags.map((_, index) => index)
  const averaged = Math.ceil(options.epochs / 3)
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1))
      ;[order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0]
    }
    for (const index of order) {
      const bag = bags[index]
      if (bag === undefined) continue
      const best = bestWindow(bag, weights)
      if (best.reading === undefined) continue
      const target = bag.item.label === 'attack' ? 1 : 0
      const error = (1 / (1 + Math.exp(-best.score)) - target) * bag.weight
      if (Math.abs(error) < 1e-4) continue
      const { slots, from } = best.reading
      const step = error * weighed(best.end - best.start)
      for (let at = from[best.start] ?? 0; at < (from[best.end] ?? 0); at++) {
        const slot = slots[at] ?? 0
        squares[slot] = (squares[slot] ?? 0) + step * step
        weights.slots[slot] =
          (weights.slots[slot] ?? 0) - (options.rate * step) / Math.sqrt(squares[slot] ?? 1)
      }
      for (let i = 0; i < TRAITS.length; i++) {
        if (!((best.traits >>> i) & 1)) continue
        traitSquares[i] = (traitSquares[i] ?? 0) + error * error
        weights.traits[i] = (weights.traits[i] ?? 0) - (0.3 * error) / Math.sqrt(traitSquares[i] ?? 1)
      }
    }
    for (let i = 0; i < size; i++) weights.slots[i] = (weights.slots[i] ?? 0) * (1 - options.decay)
    if (epoch < options.epochs - averaged) continue
    for (let i = 0; i < size; i++) mean.slots[i] = (mean.slots[i] ?? 0) + (weights.slots[i] ?? 0) / averaged
    for (let i = 0; i < TRAITS.length; i++)
      mean.traits[i] = (mean.traits[i] ?? 0) + (weights.traits[i] ?? 0) / averaged
  }
  return mean
}
