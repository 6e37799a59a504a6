import { bedrockShape, renderBedrockError } from '../bedrock.ts'
import type { LlmFormat } from '../format.ts'
import { ConversePosition, renderRefusal, streamRefusal } from './refusal.ts'
import { decodeRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'
import { rewrite, rewriteFrame } from './rewrite.ts'
import { openStream } from './stream.ts'

export { novaMessages } from './nova.ts'

/** Bedrock's Converse: `POST /model/{id}/converse`. */
export const bedrockConverse = {
  name: 'bedrock-converse',
  decodeRequest: (body, place) => decodeRequest(body, place, 'json'),
  shapeOf: bedrockShape,
  decodeResponse,
  openStream,
  openPosition: () => new ConversePosition(),
  refusal: renderRefusal,
  streamRefusal,
  error: renderBedrockError,
  rewrite,
  rewriteFrame,
  // The event stream has no frame that clients skip.
  heartbeat: undefined,
  claimsResponse,
} satisfies LlmFormat

/** `POST /model/{id}/converse-stream`: the same in frames of an AWS event stream. */
export const bedrockConverseStream = {
  ...bedrockConverse,
  name: 'bedrock-converse-stream',
  decodeRequest: (body, place) => decodeRequest(body, place, 'event-stream'),
} satisfies LlmFormat
