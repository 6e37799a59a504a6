import PQueue from 'p-queue'
import { GuardrailFailure } from '../guardrail/guardrail.ts'
import type { Clock } from '../guardrail/run-scan.ts'
import type { JsonAnswer, JsonPost, PostJson } from './http-client.ts'
import { abortFailure } from './http-failure.ts'

export interface BulkheadOptions {
  readonly maxConcurrent: number
  readonly maxQueued: number
  readonly clock: Clock
  readonly report: (event: 'queue-full' | 'paused') => void
}

/** A pause that a service asks for and that is longer than this is tried out after it. */
const LONGEST_PAUSE_MS = 60_000

/**
 * Keeps one slow service from taking all there is: so many requests at once, so many waiting, the rest fails as
 * `overloaded`. It learns from "too many requests": that halves what may be under way at once, answers win it back one
 * by one, and nothing is sent before the pause is over that the service asked for (`rate-limited`).
 */
export function withBulkhead(postJson: PostJson, options: BulkheadOptions): PostJson {
  const { maxConcurrent, maxQueued, clock, report } = options
  const queue = new PQueue({ concurrency: maxConcurrent })
  let pausedUntilMs = Number.NEGATIVE_INFINITY
  /** Answers since the width changed. */
  let answers = 0
  /** How often it was halved. A burst is refused as one: what was sent before the last halving is no news. */
  let halvings = 0

  const slowDown = (sentAt: number, retryAfterMs: number | undefined): void => {
    if (sentAt === halvings) {
      answers = 0
      halvings += 1
      queue.concurrency = Math.max(1, queue.concurrency >> 1)
    }
    if (retryAfterMs === undefined) return
    pausedUntilMs = Math.max(pausedUntilMs, clock() + Math.min(retryAfterMs, LONGEST_PAUSE_MS))
  }
  const speedUp = (): void => {
    if (queue.concurrency === maxConcurrent) return
    answers += 1
    if (answers < queue.concurrency) return
    answers = 0
    queue.concurrency += 1
  }
  const send = async (post: JsonPost): Promise<JsonAnswer> => {
    refuseWhilePaused()
    const sentAt = halvings
    try {
      const answer = await postJson(post)
      speedUp()
      return answer
    } catch (error) {
      if (error instanceof GuardrailFailure && asksForLess(error)) slowDown(sentAt, error.retryAfterMs)
      throw error
    }
  }
  const refuseWhilePaused = (): void => {
    if (clock() >= pausedUntilMs) return
    report('paused')
    throw new GuardrailFailure('rate-limited', 'the guard service asked for a pause', { detail: 'paused' })
  }

  return async post => {
    // Its signal tells of the abort once, and has: nothing would take it out of the queue again.
    if (post.signal.aborted) throw abortFailure(post.signal, 'timeout-total')
    refuseWhilePaused()
    if (queue.pending >= queue.concurrency && queue.size >= maxQueued) {
      report('queue-full')
      throw new GuardrailFailure('overloaded', 'too many requests wait for the guard service')
    }
    return waitAndRun(queue, post, send)
  }
}

function asksForLess({ reason, detail, retryAfterMs }: GuardrailFailure): boolean {
  return reason === 'rate-limited' || (detail === 'status-5xx' && retryAfterMs !== undefined)
}

/** A request that is aborted gives up its place in the queue; one that runs ends by itself, and tells how. */
async function waitAndRun(
  queue: PQueue,
  post: JsonPost,
  send: (post: JsonPost) => Promise<JsonAnswer>,
): Promise<JsonAnswer> {
  const waiting = new AbortController()
  const leave = (): void => waiting.abort()
  post.signal.addEventListener('abort', leave, { once: true })
  const stay = (): void => post.signal.removeEventListener('abort', leave)
  try {
    return await queue.add(
      () => {
        stay()
        return send(post)
      },
      { signal: waiting.signal },
    )
  } catch (error) {
    if (waiting.signal.aborted) throw abortFailure(post.signal, 'timeout-total')
    throw error
  } finally {
    stay()
  }
}
