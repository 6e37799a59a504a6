import type { LlmFormat } from '../format.ts'
import { responseShape } from '../response-shape.ts'
import { ResponsesPosition } from './position.ts'
import { renderError, renderRefusal, streamRefusal } from './refusal.ts'
import { decodeRequest } from './request.ts'
import {
  claimsCompaction,
  claimsResponse,
  claimsTokenCount,
  decodeResponse,
  decodeTokenCount,
} from './response.ts'
import { rewrite, rewriteFrame } from './rewrite.ts'
import { openStream } from './stream.ts'

/** OpenAI Responses (`POST …/responses`), and the servers that speak it. */
export const openaiResponses = {
  name: 'openai-responses',
  decodeRequest,
  shapeOf: responseShape,
  decodeResponse,
  openStream,
  openPosition: () => new ResponsesPosition(),
  refusal: renderRefusal,
  streamRefusal,
  error: renderError,
  rewrite,
  rewriteFrame,
  heartbeat: new TextEncoder().encode(':\n\n'),
  claimsResponse,
} satisfies LlmFormat

/** `…/responses/compact`: a conversation made shorter, in items that mostly only the API can read. No refusal fits in. */
export const openaiResponsesCompact = {
  ...openaiResponses,
  name: 'openai-responses-compact',
  refusal: () => undefined,
  heartbeat: undefined,
  claimsResponse: claimsCompaction,
} satisfies LlmFormat

/** `…/responses/input_tokens`: asked with the same texts, answered with a number. A refusal can only be an error. */
export const openaiResponsesTokenCount = {
  ...openaiResponsesCompact,
  name: 'openai-responses-token-count',
  decodeResponse: decodeTokenCount,
  claimsResponse: claimsTokenCount,
} satisfies LlmFormat
