import type { LlmFormat } from '../format.ts'
import { renderOpenaiError } from '../openai-error.ts'
import { responseShape } from '../response-shape.ts'
import { ChatPosition, renderRefusal, streamRefusal } from './refusal.ts'
import { decodeRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'
import { rewrite, rewriteFrame } from './rewrite.ts'
import { openStream } from './stream.ts'

/** OpenAI Chat Completions, and the many servers that speak it. */
export const openaiChat = {
  name: 'openai-chat',
  decodeRequest,
  shapeOf: responseShape,
  decodeResponse,
  openStream,
  openPosition: () => new ChatPosition(),
  refusal: renderRefusal,
  streamRefusal,
  error: error => renderOpenaiError(error),
  rewrite,
  rewriteFrame,
  heartbeat: new TextEncoder().encode(':\n\n'),
  claimsResponse,
} satisfies LlmFormat
