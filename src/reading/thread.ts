import { parentPort } from 'node:worker_threads'
import { contentCodings } from '../coding/codings.ts'
import { readBody } from '../exchange/body-reading.ts'
import { handedOver, type JobMessage, jobOf, messageOfResult } from './message.ts'

/** The thread of a `ThreadReader`: one job after the other. What it throws ends it, and fails its job. */
parentPort?.on('message', (message: JobMessage) => {
  const job = jobOf(message)
  const result = messageOfResult(readBody(job, contentCodings), job)
  parentPort?.postMessage(result, handedOver(result))
})
