import { Counter, Gauge, Registry } from 'prom-client'
import type { WorkerPool } from './worker-pool.ts'

/** What the admin listener shows of a pool: its own state, and the metrics of all workers joined. */
export function supervisorMetrics(pool: WorkerPool): {
  readonly contentType: string
  render(): Promise<string>
} {
  const registry = new Registry()
  const registers = [registry]
  const serving = new Gauge({
    name: 'weir_workers_serving',
    help: 'Workers that take exchanges now.',
    registers,
  })
  const restarts = new Counter({
    name: 'weir_worker_restarts_total',
    help: 'Workers that ended by themselves and are started again.',
    registers,
  })
  return {
    contentType: registry.contentType,
    async render() {
      const joined = await pool.render()
      serving.set(pool.serving)
      restarts.reset()
      restarts.inc(pool.restarts)
      return `${await registry.metrics()}${joined}`
    },
  }
}
