import type { LlmFormat } from '../format.ts'
import { textless } from '../textless.ts'
import { decodeRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'

/** OpenAI's moderations. */
export const moderations = {
  ...textless,
  name: 'moderations',
  decodeRequest,
  decodeResponse,
  claimsResponse,
} satisfies LlmFormat
