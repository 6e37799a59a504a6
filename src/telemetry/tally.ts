import { Counter, Gauge, type Registry } from 'prom-client'

interface TallyConfig {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
}

/** A place in the tree of label values. */
class Place {
  readonly next = new Map<string, Place>()
  value: number | undefined
}

/**
 * A counter for what happens in every exchange. prom-client makes a key from all labels for each increment, and checks
 * them; here a count is found by its labels' values one after the other, and prom-client is told at a scrape.
 */
export class Tally {
  readonly #labelNames: readonly string[]
  readonly #root = new Place()

  constructor(registry: Registry, { name, help, labelNames }: TallyConfig) {
    this.#labelNames = labelNames
    const tell = (counter: Counter): void => {
      counter.reset()
      this.#tell(counter, this.#root, {})
    }
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        tell(this)
      },
    })
  }

  /** `values`: of all labels, in the order of their names. */
  add(amount: number, ...values: readonly string[]): void {
    let place = this.#root
    for (const value of values) {
      let next = place.next.get(value)
      if (next === undefined) {
        next = new Place()
        place.next.set(value, next)
      }
      place = next
    }
    place.value = (place.value ?? 0) + amount
  }

  #tell(counter: Counter, place: Place, labels: Readonly<Record<string, string>>): void {
    if (place.value !== undefined) counter.inc(labels, place.value)
    const name = this.#labelNames[Object.keys(labels).length]
    if (name === undefined) return
    for (const [value, next] of place.next) this.#tell(counter, next, { ...labels, [name]: value })
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
