import { assertNever } from '../errors.ts'
import type { FailureDetail } from '../guardrail/guardrail.ts'
import { GuardrailFailure } from '../guardrail/guardrail.ts'
import type { Clock } from '../guardrail/run-scan.ts'
import type { JsonAnswer, JsonPost, PostJson } from './http-client.ts'
import { abortFailure } from './http-failure.ts'
import { LatencyWindow } from './latency-window.ts'

export interface AttemptOptions {
  /** A second request after a failure that another attempt may mend. */
  readonly retry: boolean
  /** A second request while the first is slow. */
  readonly hedge: boolean
  readonly clock: Clock
  /** 0 to 1, as Math.random: spreads the retries of many scans that failed together. */
  readonly random: () => number
  readonly report: (event: 'retry' | 'hedge' | 'hedge-refused') => void
}

/** The wait before a second request lies between these. */
const BACKOFF_MS = { least: 20, most: 100 } as const
/** A service that wants a longer pause is not waited for: the failure is told instead. */
const LONGEST_RETRY_AFTER_MS = 1000

/**
 * Sends at most two requests for one: a retry, or a hedge, never both. All of them under the one signal, and so the
 * one deadline; none for a scan that is over. Scans change nothing at the service, so that asking twice is safe.
 */
export function withAttempts(postJson: PostJson, options: AttemptOptions): PostJson {
  const latencies = new LatencyWindow()
  const timed = async (post: JsonPost): Promise<JsonAnswer> => {
    const startedMs = options.clock()
    const answer = await postJson(post)
    latencies.add(options.clock() - startedMs)
    return answer
  }
  return async post => {
    // Behind a full queue it would outlive its scan.
    if (post.signal.aborted) throw abortFailure(post.signal, 'timeout-total')
    const slowAfterMs = options.hedge ? latencies.p95() : undefined
    return slowAfterMs === undefined
      ? orRetried(timed(post), timed, post, options)
      : hedged(timed, post, slowAfterMs, options)
  }
}

/** What the first request comes to, or the second where that may mend it. */
async function orRetried(
  first: Promise<JsonAnswer>,
  postJson: PostJson,
  post: JsonPost,
  options: AttemptOptions,
): Promise<JsonAnswer> {
  try {
    return await first
  } catch (error) {
    const waitMs = options.retry ? retryDelayMs(error, options.random) : undefined
    if (waitMs === undefined) throw error
    try {
      await pause(waitMs, post.signal)
    } catch {
      // The deadline came first: the failure that is known tells more than that.
      throw error
    }
    options.report('retry')
    return postJson(post)
  }
}

/**
 * The first answer counts; a failure only when no other request is under way. A first request that fails before it is
 * slow, or beside a second one that the bulkhead refused, is retried as without hedging: only so is a pause kept that
 * the service asks for.
 */
async function hedged(
  postJson: PostJson,
  post: JsonPost,
  slowAfterMs: number,
  options: AttemptOptions,
): Promise<JsonAnswer> {
  const losers = new AbortController()
  const signal = AbortSignal.any([post.signal, losers.signal])
  const first = postJson({ ...post, signal })
  if ((await raceWithPause(first, slowAfterMs, post.signal)) === 'ended')
    return orRetried(first, postJson, post, options)
  const second = postJson({ ...post, signal })
  // Known when it has ended, as it soon has in any case: nobody waits for it here.
  void wasSent(second).then(isSent => options.report(isSent ? 'hedge' : 'hedge-refused'))
  try {
    return await Promise.any([first, second])
  } catch {
    // Both have failed. A second one that was never sent leaves the service with one request: it may have another.
    return await ((await wasSent(second)) ? first : orRetried(first, postJson, post, options))
  } finally {
    losers.abort()
  }
}

/** Whether the bulkhead let a request go to the service, once it has ended. */
async function wasSent(request: Promise<unknown>): Promise<boolean> {
  const error = await request.catch((cause: unknown) => cause)
  return !(error instanceof GuardrailFailure && (error.reason === 'overloaded' || error.detail === 'paused'))
}

/** Whether the request has ended, well or not, or is slow. When its scan is over it has ended. */
async function raceWithPause(
  request: Promise<unknown>,
  slowAfterMs: number,
  signal: AbortSignal,
): Promise<'ended' | 'slow'> {
  const unneeded = new AbortController()
  const ended = () => 'ended' as const
  const slow = pause(slowAfterMs, AbortSignal.any([signal, unneeded.signal])).then(
    () => 'slow' as const,
    ended,
  )
  try {
    return await Promise.race([request.then(ended, ended), slow])
  } finally {
    unneeded.abort()
  }
}

/** Rejects when `signal` aborts first. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** How long to wait before the second request, or undefined when another would not help. */
function retryDelayMs(error: unknown, random: () => number): number | undefined {
  if (!(error instanceof GuardrailFailure) || !mayPass(error)) return undefined
  const { retryAfterMs } = error
  if (retryAfterMs !== undefined && retryAfterMs > LONGEST_RETRY_AFTER_MS) return undefined
  // After the service's own pause as well: those who wait for its end must not come all at once, nor a moment early.
  return (retryAfterMs ?? 0) + BACKOFF_MS.least + random() * (BACKOFF_MS.most - BACKOFF_MS.least)
}

/** Failures of the moment. What the service does not understand today it will not understand then. */
function mayPass({ reason, detail, retryAfterMs }: GuardrailFailure): boolean {
  switch (reason) {
    case 'timeout':
    case 'unreachable':
    case 'bad-response':
      return detail !== undefined && MENDABLE.has(detail)
    case 'rate-limited':
      return retryAfterMs !== undefined
    case 'circuit-open':
    case 'overloaded':
    case 'undecodable':
    case 'over-limit':
    case 'over-budget':
    case 'cancelled':
    case 'internal':
      return false
    default:
      return assertNever(reason)
  }
}

const MENDABLE: ReadonlySet<FailureDetail> = new Set<FailureDetail>([
  'timeout-connect',
  'timeout-first-byte',
  'dns',
  'connection',
  'truncated',
  'status-5xx',
])
