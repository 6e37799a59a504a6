import { Counter, Gauge, Registry } from 'prom-client'
import type { WorkerPool } from './worker-pool.ts'

/** Shown only with workers, beside those that the workers count. */
export const SUPERVISOR_FAMILIES = {
  serving: {
    name: 'weir_workers_serving',
    type: 'gauge',
    help: 'Workers that take exchanges now.',
    labels: {},
    watch: 'Below `server.workers` for longer than a start takes.',
  },
  restarts: {
    name: 'weir_worker_restarts_total',
    type: 'counter',
    help: 'Workers that ended by themselves and are started again.',
    labels: {},
    watch: 'It rises: the log has `worker ended` and, before it, why.',
  },
} as const

/** What the admin listener shows of a pool: its own state, and the metrics of all workers joined. */
export function supervisorMetrics(pool: WorkerPool): {
  readonly contentType: string
  render(): Promise<string>
} {
  const registry = new Registry()
  const registers = [registry]
  const serving = new Gauge({
    name: SUPERVISOR_FAMILIES.serving.name,
    help: SUPERVISOR_FAMILIES.serving.help,
    registers,
  })
  const restarts = new Counter({
    name: SUPERVISOR_FAMILIES.restarts.name,
    help: SUPERVISOR_FAMILIES.restarts.help,
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
