import type { Call } from './call.ts'

interface Place {
  readonly call: Call
  at: number
}

/**
 * The calls that are open. No Set: one that calls come to and go from makes itself a new table now and then, and an old
 * table points to the next. Once one of them is old to the garbage collector all later ones live on with it, and with
 * them every call that ever stood there, until the next full collection.
 */
export class OpenCalls {
  /** In no order: the last one fills the gap that another leaves. */
  readonly #places: Place[] = []

  get size(): number {
    return this.#places.length
  }

  /** Returns what takes it out again, once. */
  add(call: Call): () => void {
    const place = { call, at: this.#places.length }
    this.#places.push(place)
    return () => {
      const last = this.#places.pop()
      if (last === undefined || last === place) return
      last.at = place.at
      this.#places[place.at] = last
    }
  }

  /** Those that are open now; any may end meanwhile. */
  all(): readonly Call[] {
    return this.#places.map(({ call }) => call)
  }
}
