import { Counter, Gauge, type Registry } from 'prom-client'
import { LabelTree } from './label-tree.ts'

interface TallyConfig {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
}

/** A counter for what happens in every exchange: prom-client is told at a scrape. */
export class Tally {
  readonly #counts: LabelTree<{ value: number }>

  constructor(registry: Registry, { name, help, labelNames }: TallyConfig) {
    const counts = new LabelTree(labelNames, () => ({ value: 0 }))
    this.#counts = counts
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset()
        for (const [labels, { value }] of counts.entries()) this.inc(labels, value)
      },
    })
  }

  /** `values`: of all labels, in the order of their names. */
  add(amount: number, ...values: readonly string[]): void {
    this.#counts.at(values).value += amount
  }
}

/** A gauge that is asked for its value at a scrape. */
export function openGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}
