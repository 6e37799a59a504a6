/** A place in the tree of label values. */
class Place<T> {
  readonly next = new Map<string, Place<T>>()
  value: T | undefined
}

/**
 * What is kept for each set of labels, found by their values one after the other. prom-client makes a key from all
 * labels, and checks them, each time; this is for what happens in every exchange.
 */
export class LabelTree<T> {
  readonly #labelNames: readonly string[]
  readonly #make: () => T
  readonly #root = new Place<T>()

  constructor(labelNames: readonly string[], make: () => T) {
    this.#labelNames = labelNames
    this.#make = make
  }

  /** `values`: of all labels, in the order of their names. */
  at(values: readonly string[]): T {
    let place = this.#root
    for (const value of values) {
      let next = place.next.get(value)
      if (next === undefined) {
        next = new Place()
        place.next.set(value, next)
      }
      place = next
    }
    place.value ??= this.#make()
    return place.value
  }

  /** All that there is, with its labels by name. */
  *entries(): Generator<readonly [Readonly<Record<string, string>>, T]> {
    yield* this.#entriesFrom(this.#root, [])
  }

  *#entriesFrom(
    place: Place<T>,
    labels: readonly (readonly [string, string])[],
  ): Generator<readonly [Readonly<Record<string, string>>, T]> {
    if (place.value !== undefined) yield [Object.fromEntries(labels), place.value]
    const name = this.#labelNames[labels.length]
    if (name === undefined) return
    for (const [value, next] of place.next) yield* this.#entriesFrom(next, [...labels, [name, value]])
  }
}
