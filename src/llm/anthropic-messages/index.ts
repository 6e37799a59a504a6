import type { LlmFormat } from '../format.ts'
import { responseShape } from '../response-shape.ts'
import { MessagePosition, renderError, renderRefusal, streamError, streamRefusal } from './refusal.ts'
import { decodeBatches, decodeRequest } from './request.ts'
import {
  claimsBatch,
  claimsResponse,
  claimsTokenCount,
  decodeBatch,
  decodeResponse,
  decodeTokenCount,
} from './response.ts'
import { rewrite, rewriteFrame } from './rewrite.ts'
import { openStream } from './stream.ts'

/** Anthropic Messages, and the many servers that speak it. */
export const anthropicMessages = {
  name: 'anthropic-messages',
  decodeRequest,
  shapeOf: responseShape,
  decodeResponse,
  openStream,
  openPosition: () => new MessagePosition(),
  refusal: renderRefusal,
  streamRefusal,
  error: renderError,
  rewrite,
  rewriteFrame,
  heartbeat: new TextEncoder().encode('event: ping\ndata: {"type": "ping"}\n\n'),
  claimsResponse,
} satisfies LlmFormat

/** `…/messages/count_tokens`: asked with the same texts, answered with a number. A refusal can only be an error. */
export const anthropicTokenCount = {
  ...anthropicMessages,
  name: 'anthropic-token-count',
  decodeResponse: decodeTokenCount,
  refusal: () => undefined,
  streamRefusal: streamError,
  heartbeat: undefined,
  claimsResponse: claimsTokenCount,
} satisfies LlmFormat

/** `POST …/messages/batches`: many requests, answered with a receipt. A refusal can only be an error. */
export const anthropicBatches = {
  ...anthropicTokenCount,
  name: 'anthropic-batches',
  decodeRequest: decodeBatches,
  decodeResponse: decodeBatch,
  claimsResponse: claimsBatch,
} satisfies LlmFormat
