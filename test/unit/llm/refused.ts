import type { LlmRequest, Refusal } from '../../../src/llm/format.ts'

export const ID = '0123456789abcdef0123456789abcdef'
export const MESSAGE = 'Request blocked by policy'

/** A request as its format reads it, without any text. */
export const asked = (changes: Partial<LlmRequest> = {}): LlmRequest => ({
  model: 'gpt-test',
  streams: false,
  choices: 1,
  segments: [],
  uninspectable: 0,
  structuredOutput: false,
  streamUsage: false,
  ...changes,
})

/** What every format is told to write: of a request that was never seen, unless `changes` name one. */
export const refusalOf = (changes: Partial<Refusal> = {}): Refusal => ({
  message: MESSAGE,
  id: ID,
  createdSec: 1_760_000_000,
  finishReason: 'auto',
  request: undefined,
  ...changes,
})
