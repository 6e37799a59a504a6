import type { LlmFormat } from '../format.ts'
import { ndjsonShape } from '../ndjson.ts'
import { claimsResponse, decodeResponse, openStream, rewrite, rewriteFrame } from '../ollama-answer.ts'
import { heartbeat, OllamaPosition, renderError, renderRefusal, streamRefusal } from '../ollama-refusal.ts'
import { decodeRequest } from './request.ts'

/** Ollama's `/api/chat`: https://docs.ollama.com/api/chat. */
export const ollamaChat = {
  name: 'ollama-chat',
  decodeRequest,
  shapeOf: ndjsonShape,
  decodeResponse: body => decodeResponse('chat', body),
  openStream: () => openStream('chat'),
  openPosition: () => new OllamaPosition('chat'),
  refusal: (refusal, shape) => renderRefusal('chat', refusal, shape),
  streamRefusal: (refusal, at) => streamRefusal('chat', refusal, at),
  error: renderError,
  rewrite,
  rewriteFrame,
  heartbeat: heartbeat('chat'),
  claimsResponse: value => claimsResponse('chat', value),
} satisfies LlmFormat
