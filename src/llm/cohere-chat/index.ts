import type { LlmFormat } from '../format.ts'
import { responseShape } from '../response-shape.ts'
import { ChatPosition, renderError, renderRefusal, streamRefusal } from './refusal.ts'
import { decodeRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'
import { rewrite, rewriteFrame } from './rewrite.ts'
import { openStream } from './stream.ts'

/** Cohere's Chat API, version 2: https://docs.cohere.com/reference/chat. */
export const cohereChat = {
  name: 'cohere-chat',
  decodeRequest,
  shapeOf: responseShape,
  decodeResponse,
  openStream,
  openPosition: () => new ChatPosition(),
  refusal: renderRefusal,
  streamRefusal,
  error: renderError,
  rewrite,
  rewriteFrame,
  heartbeat: new TextEncoder().encode(':\n\n'),
  claimsResponse,
} satisfies LlmFormat
