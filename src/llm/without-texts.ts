import type { LlmRequest } from './format.ts'

/** The request as a refusal has to know it: its texts can be forgotten. A class of a format's own stays that class. */
export function withoutTexts(request: LlmRequest): LlmRequest {
  const prototype: unknown = Object.getPrototypeOf(request)
  if (prototype === Object.prototype) return { ...request, segments: NO_TEXTS }
  const fields = Object.getOwnPropertyDescriptors(request)
  return Object.create(Object(prototype), { ...fields, segments: { value: NO_TEXTS, enumerable: true } })
}

const NO_TEXTS: LlmRequest['segments'] = []
