import { z } from 'zod'

/** What the supervisor tells a worker. */
export type ToWorker =
  | { readonly kind: 'stop' }
  /** Somebody says that the config has changed. */
  | { readonly kind: 'reload' }
  /** Wants `metrics` back, with the same number. */
  | { readonly kind: 'give-metrics'; readonly request: number }

/** Metrics as prom-client's `getMetricsAsJSON` gives them; only it looks into them. */
const metricsSchema = z.array(z.looseObject({ name: z.string(), type: z.unknown() }))
export type WorkerMetrics = z.output<typeof metricsSchema>

const fromWorkerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('serving'), listen: z.string() }),
  z.object({ kind: z.literal('metrics'), request: z.number(), metrics: metricsSchema }),
  /** The config in force, secrets masked. */
  z.object({ kind: z.literal('config'), masked: z.unknown() }),
])

/** What a worker tells the supervisor. */
export type FromWorker = z.output<typeof fromWorkerSchema>

const toWorkerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('stop') }),
  z.object({ kind: z.literal('reload') }),
  z.object({ kind: z.literal('give-metrics'), request: z.number() }),
])

/** Undefined for what is no such message: another module's, or another version's. */
export function readFromWorker(message: unknown): FromWorker | undefined {
  return fromWorkerSchema.safeParse(message).data
}

/** Undefined for what is no such message. */
export function readToWorker(message: unknown): ToWorker | undefined {
  return toWorkerSchema.safeParse(message).data
}
