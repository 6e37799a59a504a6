import type { LlmFormat } from '../format.ts'
import { renderOpenaiError } from '../openai-error.ts'
import { responseShape } from '../response-shape.ts'
import { CompletionPosition, renderRefusal, streamRefusal } from './refusal.ts'
import { decodeRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'
import { rewrite, rewriteFrame } from './rewrite.ts'
import { openStream } from './stream.ts'

/** OpenAI's legacy completions, and the many servers that speak it. */
export const openaiCompletions = {
  name: 'openai-completions',
  decodeRequest,
  shapeOf: responseShape,
  decodeResponse,
  openStream,
  openPosition: () => new CompletionPosition(),
  refusal: renderRefusal,
  streamRefusal,
  error: error => renderOpenaiError(error),
  rewrite,
  rewriteFrame,
  heartbeat: new TextEncoder().encode(':\n\n'),
  claimsResponse,
} satisfies LlmFormat
