import type { ProviderError, ReplyBody } from './format.ts'

/** OpenAI's error object, which its SDKs read from a body with a status from 400. `code`: the API's own word for it. */
export function renderOpenaiError(
  { status, message, code: ownCode }: ProviderError,
  code: string = ownCode,
): ReplyBody {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error'
  const body = JSON.stringify({ error: { message, type, param: null, code } })
  return { contentType: 'application/json', body: new TextEncoder().encode(body) }
}
