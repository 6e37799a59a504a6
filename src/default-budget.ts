import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** Of the memory of a process: a body that is judged costs two or three times its bytes, and the rest is Weir's. */
const SHARE = 0.25

/** What `server.max_bytes` is when it is left out, of each of so many workers. In bytes. */
export function defaultBudget(workers: number): number {
  // 0 where nothing constrains it.
  const constrained = process.constrainedMemory() || Number.POSITIVE_INFINITY
  const memory = Math.min(constrained, totalmem()) / workers
  return Math.floor(Math.min(memory, getHeapStatistics().heap_size_limit) * SHARE)
}
