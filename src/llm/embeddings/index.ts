import type { LlmFormat } from '../format.ts'
import { textless } from '../textless.ts'
import { decodeRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'

/** OpenAI's embeddings, and the many servers that speak them. */
export const embeddings = {
  ...textless,
  name: 'embeddings',
  decodeRequest,
  decodeResponse,
  claimsResponse,
} satisfies LlmFormat
