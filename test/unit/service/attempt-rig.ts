import type { FailureDetail, FailureReason } from '../../../src/guardrail/guardrail.ts'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import type { JsonAnswer, JsonPost, PostJson } from '../../../src/service/http-client.ts'
import { abortFailure } from '../../../src/service/http-failure.ts'

export const ANSWER: JsonAnswer = { status: 200, headers: {}, json: { flagged: false } }

export function post(signal: AbortSignal = new AbortController().signal): JsonPost {
  return { url: 'http://guard.test/', headers: {}, body: {}, signal }
}

export function failed(
  reason: FailureReason,
  options: { readonly detail?: FailureDetail; readonly retryAfterMs?: number } = {},
): GuardrailFailure {
  return new GuardrailFailure(reason, 'as the test wants', options)
}

/** One request, as the service sees it. */
export interface SeenRequest {
  readonly signal: AbortSignal
  answer(answer?: JsonAnswer): void
  fail(error: unknown): void
}

/**
 * A service that a test answers by hand. A request that is aborted fails as the HTTP client's would; what comes for it
 * afterwards is dropped.
 */
export function byHand() {
  const requests: SeenRequest[] = []
  const postJson: PostJson = ({ signal }) => {
    if (signal.aborted) return Promise.reject(abortFailure(signal, 'timeout-total'))
    const { promise, resolve, reject } = Promise.withResolvers<JsonAnswer>()
    signal.addEventListener('abort', () => reject(abortFailure(signal, 'timeout-first-byte')))
    requests.push({ signal, answer: (answer = ANSWER) => resolve(answer), fail: reject })
    return promise
  }
  return { requests, postJson }
}

/** What has become of a promise, for tests that must know that it still waits. */
export function watch<Value>(promise: Promise<Value>) {
  const seen: { state: 'waits' | 'resolved' | 'rejected'; value?: Value; error?: unknown } = {
    state: 'waits',
  }
  promise.then(
    value => Object.assign(seen, { state: 'resolved', value }),
    error => Object.assign(seen, { state: 'rejected', error }),
  )
  return seen
}
