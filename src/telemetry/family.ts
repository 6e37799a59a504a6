/** Everything that /metrics and its reference page say of a family of metrics. */
export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** By name, in the order in which values are given: all values that there can be, or whose names they are. */
  readonly labels: Readonly<Record<string, LabelValues>>
  /** When an operator should look, in a sentence; absent where it only informs. */
  readonly watch?: string
  /** Of a histogram: upper bounds, ascending. */
  readonly buckets?: readonly number[]
}

/** A label takes its values from a closed set, or from the config: never a host, path, model, user or detector. */
export type LabelValues = readonly string[] | { readonly namesOf: string }

/** The members of a union, all of them: one that is missing does not compile. */
export function every<T extends string>(members: Readonly<Record<T, true>>): readonly string[] {
  return Object.keys(members)
}

/** For prom-client, which does not take readonly lists. */
export function labelNamesOf({ labels }: Family): string[] {
  return Object.keys(labels)
}

/** For labels of what has no such value: Prometheus takes an empty one for an absent label. */
export const NONE = 'none'
