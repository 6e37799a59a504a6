import { AggregatorRegistry } from 'prom-client'
import type { WorkerMetrics } from './messages.ts'

type Families = Parameters<typeof AggregatorRegistry.aggregate>[0]

/** What only grows, and must not shrink when the process that counted it is gone. */
const LASTING = new Set(['counter', 'histogram', 'summary'])

/**
 * The metrics of all workers as those of one process. What a worker had counted when it was last asked stays in the
 * sums after its end: Prometheus would take a smaller sum for a restart of everything, and count it all once more.
 */
export class JoinedMetrics {
  readonly #latest = new Map<number, WorkerMetrics>()
  /** What ended workers had counted: of those that ended lately each for itself, and all before as one. */
  #past: readonly WorkerMetrics[] = []
  #joining: Promise<void> = Promise.resolve()

  /** Keeps what the worker of this index has now. */
  tell(worker: number, metrics: WorkerMetrics): void {
    this.#latest.set(worker, metrics)
  }

  /** The worker has ended. Resolves when its counts need no room of their own any more. */
  ended(worker: number): Promise<void> {
    const last = this.#latest.get(worker)
    if (last !== undefined) {
      this.#latest.delete(worker)
      // In the same moment: whoever looks meanwhile must not see less.
      this.#past = [...this.#past, last.filter(({ type }) => LASTING.has(String(type)))]
      this.#joining = this.#joining.then(() => this.#joinPast())
    }
    return this.#joining
  }

  async #joinPast(): Promise<void> {
    const parts = this.#past
    const one = asMetrics(await joined(parts).getMetricsAsJSON())
    this.#past = [one, ...this.#past.slice(parts.length)]
  }

  /** As Prometheus reads them. */
  render(): Promise<string> {
    return joined([...this.#past, ...this.#latest.values()]).metrics()
  }

  /** What each worker has just said of some families, with what ended ones had counted. */
  async with(answers: readonly WorkerMetrics[]): Promise<WorkerMetrics> {
    const names = new Set(answers.flat().map(({ name }) => name))
    const past = this.#past.map(counts => counts.filter(({ name }) => names.has(name)))
    return asMetrics(await joined([...past, ...answers]).getMetricsAsJSON())
  }
}

function joined(all: readonly WorkerMetrics[]) {
  // prom-client takes what its own getMetricsAsJSON gave, and types it as objects.
  const families: Families = [...all]
  return AggregatorRegistry.aggregate(families)
}

function asMetrics(families: readonly object[]): WorkerMetrics {
  return families.flatMap(family =>
    'name' in family && 'type' in family ? [{ ...family, name: String(family.name), type: family.type }] : [],
  )
}
