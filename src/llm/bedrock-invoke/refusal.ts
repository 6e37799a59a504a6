import { EVENT_STREAM, requestIdHeader } from '../bedrock.ts'
import type { Frame, LlmFormat, Refusal, ReplyBody, StreamPosition } from '../format.ts'
import { assertOwnPosition } from '../own-position.ts'
import { innerFrame, toChunks } from './stream.ts'

/** The provider's own position, told of the provider's events. */
export class InvokePosition implements StreamPosition {
  readonly inner: StreamPosition
  readonly #provider: LlmFormat

  constructor(provider: LlmFormat) {
    this.#provider = provider
    this.inner = provider.openPosition()
  }

  released(frame: Frame): void {
    const inner = innerFrame(this.#provider, frame)
    if (inner !== undefined) this.inner.released(inner)
  }
}

/** The provider's refusal, in what Bedrock wraps it into. */
export function renderRefusal(
  provider: LlmFormat,
  refusal: Refusal,
  shape: 'json' | 'event-stream',
): ReplyBody | undefined {
  const answer = provider.refusal(refusal, shape)
  if (answer === undefined) return undefined
  const headers = requestIdHeader(refusal.id)
  if (shape === 'json') return { ...answer, headers: { ...answer.headers, ...headers } }
  return {
    contentType: EVENT_STREAM,
    headers: { ...headers, 'x-amzn-bedrock-content-type': 'application/json' },
    body: toChunks(answer.body),
  }
}

export function streamRefusal(provider: LlmFormat, refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, InvokePosition)
  return toChunks(provider.streamRefusal(refusal, at.inner))
}
