import type { LlmFormat } from '../format.ts'
import { ndjsonShape } from '../ndjson.ts'
import { claimsResponse, decodeResponse, openStream, rewrite, rewriteFrame } from '../ollama-answer.ts'
import { heartbeat, OllamaPosition, renderError, renderRefusal, streamRefusal } from '../ollama-refusal.ts'
import { decodeRequest } from './request.ts'

/** Ollama's `/api/generate`: https://docs.ollama.com/api/generate. */
export const ollamaGenerate = {
  name: 'ollama-generate',
  decodeRequest,
  shapeOf: ndjsonShape,
  decodeResponse: body => decodeResponse('generate', body),
  openStream: () => openStream('generate'),
  openPosition: () => new OllamaPosition('generate'),
  refusal: (refusal, shape) => renderRefusal('generate', refusal, shape),
  streamRefusal: (refusal, at) => streamRefusal('generate', refusal, at),
  error: renderError,
  rewrite,
  rewriteFrame,
  heartbeat: heartbeat('generate'),
  claimsResponse: value => claimsResponse('generate', value),
} satisfies LlmFormat
