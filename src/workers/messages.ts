import { z } from 'zod'

/** What the supervisor tells a worker. */
export type ToWorker =
  | { readonly kind: 'stop' }
  /** Somebody says that the config has changed. */
  | { readonly kind: 'reload' }
  /** Wants `metrics` back, with the same number: all, as a scrape, or those of these names, as a look at them. */
  | { readonly kind: 'give-metrics'; readonly request: number; readonly only?: readonly string[] }
  /** Wants `decisions` back: those that came after the place `after`. */
  | { readonly kind: 'give-decisions'; readonly request: number; readonly after: number }
  /** Wants `answer` back: what the bench of the console says to this question, as JSON. */
  | { readonly kind: 'judge'; readonly request: number; readonly question: string }

/** Metrics as prom-client's `getMetricsAsJSON` gives them; only it looks into them. */
const metricsSchema = z.array(z.looseObject({ name: z.string(), type: z.unknown() }))
export type WorkerMetrics = z.output<typeof metricsSchema>

const fromWorkerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('serving'), listen: z.string() }),
  z.object({ kind: z.literal('metrics'), request: z.number(), metrics: metricsSchema }),
  /** The config in force, secrets masked. `readAtMs`: by the clock that all processes of the machine share. */
  z.object({ kind: z.literal('config'), version: z.string(), masked: z.unknown(), readAtMs: z.number() }),
  /** The newest decisions as lines, how many before them are lost, and the place of the last. */
  z.object({
    kind: z.literal('decisions'),
    request: z.number(),
    lines: z.array(z.string()),
    missed: z.number(),
    last: z.number(),
  }),
  z.object({ kind: z.literal('answer'), request: z.number(), status: z.number(), body: z.string() }),
])

/** What a worker tells the supervisor. */
export type FromWorker = z.output<typeof fromWorkerSchema>

const toWorkerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('stop') }),
  z.object({ kind: z.literal('reload') }),
  z.object({ kind: z.literal('give-metrics'), request: z.number(), only: z.array(z.string()).optional() }),
  z.object({ kind: z.literal('give-decisions'), request: z.number(), after: z.number() }),
  z.object({ kind: z.literal('judge'), request: z.number(), question: z.string() }),
])

/** Undefined for what is no such message: another module's, or another version's. */
export function readFromWorker(message: unknown): FromWorker | undefined {
  return fromWorkerSchema.safeParse(message).data
}

/** Undefined for what is no such message. */
export function readToWorker(message: unknown): ToWorker | undefined {
  return toWorkerSchema.safeParse(message).data
}
