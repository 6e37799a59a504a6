import type { LlmFormat, TextEdit } from '../format.ts'
import { editMultipart, isMultipart } from '../multipart.ts'
import { renderOpenaiError } from '../openai-error.ts'
import { textless } from '../textless.ts'
import { decodeRequest } from './request.ts'
import { claimsResponse, decodeResponse } from './response.ts'
import { openStream } from './stream.ts'

/** OpenAI's image generations, edits and variations. Their own word for a denial is a code of its own. */
export const openaiImages = {
  ...textless,
  name: 'openai-images',
  decodeRequest,
  decodeResponse,
  openStream,
  error: error =>
    renderOpenaiError(error, error.code === 'content_filter' ? 'content_policy_violation' : error.code),
  rewrite: (body: Uint8Array, edits: readonly TextEdit[]) =>
    isMultipart(body) ? editMultipart(body, edits) : textless.rewrite(body, edits),
  heartbeat: new TextEncoder().encode(':\n\n'),
  claimsResponse,
} satisfies LlmFormat
