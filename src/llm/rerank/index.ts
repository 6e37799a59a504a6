import type { LlmFormat } from '../format.ts'
import { textless } from '../textless.ts'
import { renderError } from './refusal.ts'
import { decodeRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'

/** Cohere's rerank, and the servers that speak it or nearly so: Jina, Voyage, vLLM, text-embeddings-inference. */
export const rerank = {
  ...textless,
  name: 'rerank',
  decodeRequest,
  decodeResponse,
  error: renderError,
  claimsResponse,
} satisfies LlmFormat
