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
  #past: WorkerMetrics = []

  /** Keeps what the worker of this index has now. */
  tell(worker: number, metrics: WorkerMetrics): void {
    this.#latest.set(worker, metrics)
  }

  /** The worker has ended. */
  async ended(worker: number): Promise<void> {
    const last = this.#latest.get(worker)
    if (!this.#latest.delete(worker) || last === undefined) return
    const lasting = last.filter(({ type }) => LASTING.has(String(type)))
    this.#past = asMetrics(await joined([this.#past, lasting]).getMetricsAsJSON())
  }

  /** As Prometheus reads them. */
  render(): Promise<string> {
    return joined([this.#past, ...this.#latest.values()]).metrics()
  }

  /** What each worker has just said of some families, with what ended ones had counted. */
  async with(answers: readonly WorkerMetrics[]): Promise<WorkerMetrics> {
    const names = new Set(answers.flat().map(({ name }) => name))
    const past = this.#past.filter(({ name }) => names.has(name))
    return asMetrics(await joined([past, ...answers]).getMetricsAsJSON())
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
