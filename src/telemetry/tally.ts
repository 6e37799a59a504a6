import { Counter, Gauge, type Registry } from 'prom-client'
import { type Family, labelNamesOf } from './family.ts'
import { LabelTree } from './label-tree.ts'

/** A counter for what happens in every exchange: prom-client is told at a scrape. */
export class Tally {
  readonly #counts: LabelTree<{ value: number }>

  constructor(registry: Registry, family: Family) {
    const labelNames = labelNamesOf(family)
    const counts = new LabelTree(labelNames, () => ({ value: 0 }))
    this.#counts = counts
    new Counter({
      name: family.name,
      help: family.help,
      labelNames,
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
export function openGauge(registry: Registry, { name, help }: Family, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}
