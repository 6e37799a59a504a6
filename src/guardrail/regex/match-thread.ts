/**
 * A thread that matches one guardrail's patterns, its `workerData`, in the texts that it is sent. Of several jobs each
 * has one text matched with one pattern before any has its next, so that none waits for all of another.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { Finding } from '../guardrail.ts'
import type { FromMatchThread, ToMatchThread } from './match-messages.ts'
import { compilePattern, matchesIn, type PatternSource } from './patterns.ts'

interface Job {
  readonly id: number
  readonly texts: readonly string[]
  readonly findings: Finding[]
  segment: number
  pattern: number
}

const sources: readonly PatternSource[] = workerData
const patterns = sources.map(compilePattern)
const queue: Job[] = []

parentPort?.on('message', (message: ToMatchThread) => {
  const { id } = message
  if (message.kind === 'match') {
    queue.push({ id, texts: message.texts, findings: [], segment: 0, pattern: 0 })
    if (queue.length === 1) setImmediate(workOn)
    return
  }
  const at = queue.findIndex(job => job.id === id)
  if (at !== -1) queue.splice(at, 1)
  tell({ kind: 'dropped', id })
})

function workOn(): void {
  const job = queue.shift()
  if (job === undefined) return
  const answer = step(job)
  if (answer === undefined) queue.push(job)
  else tell(answer)
  // Messages are heard between two turns.
  if (queue.length > 0) setImmediate(workOn)
}

/** Matches one pattern in one text; returns the job's answer once all of them were. */
function step(job: Job): FromMatchThread | undefined {
  const { id, texts, findings } = job
  const text = texts[job.segment] ?? ''
  try {
    for (const finding of matchesIn(text, job.segment, patterns[job.pattern]!)) findings.push(finding)
  } catch (error) {
    return { kind: 'failed', id, why: error instanceof Error ? error.name : 'thrown' }
  }
  job.pattern += 1
  if (job.pattern === patterns.length) {
    job.pattern = 0
    job.segment += 1
  }
  return job.segment < texts.length ? undefined : { kind: 'matched', id, findings }
}

function tell(message: FromMatchThread): void {
  parentPort?.postMessage(message)
}
