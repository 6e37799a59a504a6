import { bedrockShape, renderBedrockError } from '../bedrock.ts'
import type { LlmFormat } from '../format.ts'
import { InvokePosition, renderRefusal, streamRefusal } from './refusal.ts'
import { decodeRequest } from './request.ts'
import { openStream, rewriteFrame } from './stream.ts'

export { type InvokeProvider, providerOf } from './provider.ts'
export { llamaText, mistralText, titanText } from './text-model.ts'

/**
 * Bedrock's InvokeModel, `POST /model/{id}/invoke`: bodies of the model's provider, which `provider` reads. That one
 * must stream in SSE events of one JSON value each.
 */
export function bedrockInvoke(provider: LlmFormat): LlmFormat {
  return {
    name: `bedrock-invoke/${provider.name}`,
    decodeRequest: (body, place) => decodeRequest(provider, body, place, 'json'),
    shapeOf: bedrockShape,
    decodeResponse: (body, contentType) => provider.decodeResponse(body, contentType),
    openStream: () => openStream(provider),
    openPosition: () => new InvokePosition(provider),
    refusal: (refusal, shape) => renderRefusal(provider, refusal, shape),
    streamRefusal: (refusal, at) => streamRefusal(provider, refusal, at),
    error: renderBedrockError,
    rewrite: (body, edits) => provider.rewrite(body, edits),
    rewriteFrame: (frame, edits) => rewriteFrame(provider, frame, edits),
    // The event stream has no frame that clients skip.
    heartbeat: undefined,
    claimsResponse: value => provider.claimsResponse(value),
  }
}

/** `POST /model/{id}/invoke-with-response-stream`: the provider's events, each in a frame of an AWS event stream. */
export function bedrockInvokeStream(provider: LlmFormat): LlmFormat {
  return {
    ...bedrockInvoke(provider),
    name: `bedrock-invoke-stream/${provider.name}`,
    decodeRequest: (body, place) => decodeRequest(provider, body, place, 'event-stream'),
  }
}
