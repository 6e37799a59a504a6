import { modelInPath } from '../bedrock.ts'
import type { Decoded, LlmFormat, LlmRequest, RequestPlace } from '../format.ts'
import { decodeRequestObject } from '../strict-json.ts'

/**
 * A body of `POST /model/{id}/invoke` or `…/invoke-with-response-stream`: that of the provider's own API but for the
 * model and for whether to stream, which the path says, whatever the body does. The provider's reader gets it with
 * both put in; the paths of its texts are those of the body as it came.
 *
 * The request is signed (SigV4) over its body: an upstream refuses a redacted one, unless it is signed after Weir has
 * seen it.
 */
export function decodeRequest(
  provider: LlmFormat,
  body: Uint8Array,
  place: RequestPlace,
  answer: 'json' | 'event-stream',
): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const whole = { ...json.value, model: modelInPath(place.path), stream: answer === 'event-stream' }
  return provider.decodeRequest(new TextEncoder().encode(JSON.stringify(whole)), place)
}
