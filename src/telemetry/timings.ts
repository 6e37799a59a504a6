import { Histogram, type Registry } from 'prom-client'
import { type Family, labelNamesOf } from './family.ts'
import { LabelTree } from './label-tree.ts'

/** What came under one set of labels; `counts` has each bucket's own, and none of what is past the last bound. */
interface Observed {
  readonly counts: number[]
  sum: number
  count: number
}

/** A histogram for what happens in every exchange: prom-client reads it at a scrape, and has no part before. */
export class Timings extends Histogram {
  readonly #name: string
  readonly #bounds: readonly number[]
  readonly #observed: LabelTree<Observed>
  /** Says what prom-client says of a histogram in which nothing is. */
  readonly #empty: Histogram

  constructor(registry: Registry, family: Family & Pick<Required<Family>, 'buckets'>) {
    const { name, help, buckets } = family
    const labelNames = labelNamesOf(family)
    const config = { name, help, labelNames, buckets: [...buckets] }
    super({ ...config, registers: [registry] })
    this.#empty = new Histogram({ ...config, registers: [] })
    this.#name = name
    this.#bounds = buckets
    this.#observed = new LabelTree(labelNames, () => ({ counts: buckets.map(() => 0), sum: 0, count: 0 }))
  }

  /** `amount`: in the unit of the buckets; `values`: of all labels, in the order of their names. */
  took(amount: number, ...values: readonly string[]): void {
    const observed = this.#observed.at(values)
    observed.sum += amount
    observed.count += 1
    const bucket = this.#bounds.findIndex(bound => amount <= bound)
    if (bucket >= 0) observed.counts[bucket]! += 1
  }

  override async get(): ReturnType<Histogram['get']> {
    const values = Array.from(this.#observed.entries(), entry => this.#lines(...entry)).flat()
    return { ...(await this.#empty.get()), values }
  }

  /** A form of `get` that prom-client prefers where it writes text. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get()
  }

  #lines(labels: Readonly<Record<string, string>>, { counts, sum, count }: Observed) {
    let upTo = 0
    const buckets = this.#bounds.map((le, index) => {
      upTo += counts[index]!
      return { metricName: `${this.#name}_bucket`, labels: { le, ...labels }, value: upTo }
    })
    return [
      ...buckets,
      { metricName: `${this.#name}_bucket`, labels: { le: '+Inf', ...labels }, value: count },
      { metricName: `${this.#name}_sum`, labels: { ...labels }, value: sum },
      { metricName: `${this.#name}_count`, labels: { ...labels }, value: count },
    ]
  }
}
