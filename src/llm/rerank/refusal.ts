import type { ErrorContext, ProviderError, ReplyBody } from '../format.ts'

/** Cohere's error object, which other rerankers' clients show as it is. */
export function renderError({ message }: ProviderError, { id }: ErrorContext): ReplyBody {
  const body = JSON.stringify({ id, message })
  return { contentType: 'application/json', body: new TextEncoder().encode(body) }
}
