import { GuardrailFailure } from '../guardrail/guardrail.ts'
import { abortFailure } from '../service/http-failure.ts'

/** A key pair to sign with. Temporary ones have a token and an end. */
export interface AwsKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
  /** Of the system clock. */
  readonly expiresAtMs?: number | undefined
}

export interface AwsKeySource {
  /** Keys that hold now. Throws GuardrailFailure: `unreachable` when there are none, or what the signal says. */
  current(signal: AbortSignal): Promise<AwsKeys>
  /** The service took a request for not (or no longer) being signed by these keys. */
  refused(keys: AwsKeys): void
}

/** Keys that stand in the config: nobody renews them. */
export function fixedKeys(keys: AwsKeys): AwsKeySource {
  return { current: async () => keys, refused: () => {} }
}

/** From then on others are fetched; those at hand serve until they come. */
const RENEW_BEFORE_END_MS = 5 * 60_000
/** Between two attempts to renew keys that still hold. */
const RENEWAL_PAUSE_MS = 30_000
/** New keys are no remedy for a wrong clock or a missing permission: refusals renew them no more often than this. */
const REFUSAL_PAUSE_MS = 60_000
/** Past it whoever is asked for keys is given up, so that the next scan may ask anew. */
const FETCH_TIMEOUT_MS = 10_000

export interface FetchedKeysOptions {
  /** Asks for new keys; whatever it remembers must not outlive the call. */
  readonly fetch: () => Promise<AwsKeys>
  /** Milliseconds of the system clock, which is what keys expire by. */
  readonly now?: () => number
  /** Milliseconds, monotonic: what the pauses between two fetches go by. */
  readonly clock?: () => number
}

/**
 * Keys that somebody hands out: fetched when first needed, kept until five minutes before their end, and fetched once
 * for all who wait. A scan waits no longer than its signal lets it; the fetching goes on for the others.
 */
export function fetchedKeys({
  fetch,
  now = () => Date.now(),
  clock = () => performance.now(),
}: FetchedKeysOptions): AwsKeySource {
  let held: AwsKeys | undefined
  let underWay: Promise<AwsKeys> | undefined
  let renewedAtMs = Number.NEGATIVE_INFINITY
  let refusedAtMs = Number.NEGATIVE_INFINITY

  const renew = (): Promise<AwsKeys> => {
    if (underWay !== undefined) return underWay
    renewedAtMs = clock()
    const fetching = inTime(fetch).then(keys => {
      if (isOver(keys, now())) throw new GuardrailFailure('unreachable', 'the AWS credentials have expired')
      held = keys
      return keys
    })
    underWay = fetching
    const settle = (): void => {
      underWay = undefined
    }
    // Also for what nobody waits for: a failure shows when somebody needs the keys.
    fetching.then(settle, settle)
    return fetching
  }

  return {
    async current(signal) {
      const nowMs = now()
      if (held !== undefined && !isOver(held, nowMs)) {
        const keys = held
        if (endsSoon(keys, nowMs) && clock() - renewedAtMs >= RENEWAL_PAUSE_MS) renew()
        return keys
      }
      return whileWanted(renew(), signal)
    },
    refused(keys) {
      if (keys !== held || clock() - refusedAtMs < REFUSAL_PAUSE_MS) return
      refusedAtMs = clock()
      held = undefined
      renew()
    },
  }
}

/** What is waited for goes on when the signal aborts; only the waiting ends. */
async function whileWanted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: unwanted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(abortFailure(signal, 'timeout-total'))
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([unwanted, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function isOver({ expiresAtMs }: AwsKeys, nowMs: number): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs
}

function endsSoon({ expiresAtMs }: AwsKeys, nowMs: number): boolean {
  return expiresAtMs !== undefined && expiresAtMs - nowMs <= RENEW_BEFORE_END_MS
}

async function inTime(fetch: () => Promise<AwsKeys>): Promise<AwsKeys> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const failure = new GuardrailFailure('unreachable', 'no AWS credentials came in time')
  const timer = setTimeout(() => reject(failure), FETCH_TIMEOUT_MS)
  // The deadline of a scan keeps the process alive, this must not.
  timer.unref()
  try {
    return await Promise.race([fetch(), late])
  } finally {
    clearTimeout(timer)
  }
}
