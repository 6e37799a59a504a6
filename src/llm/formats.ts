import { anthropicBatches, anthropicMessages, anthropicTokenCount } from './anthropic-messages/index.ts'
import { cohereChat } from './cohere-chat/index.ts'
import type { LlmFormat, RequestPlace } from './format.ts'
import { ollamaChat } from './ollama-chat/index.ts'
import { ollamaGenerate } from './ollama-generate/index.ts'
import { openaiChat } from './openai-chat/index.ts'
import {
  openaiResponses,
  openaiResponsesCompact,
  openaiResponsesTokenCount,
} from './openai-responses/index.ts'

/** Which API speaks at a place. */
interface Row {
  /** Of the normalised path. Any prefix: gateways and deployments put their own before it. */
  readonly pattern: RegExp
  format(place: RequestPlace): LlmFormat | undefined
}

const row = (pattern: RegExp, format: LlmFormat): Row => ({ pattern, format: () => format })

/** In order: the first row whose pattern fits claims the exchange. Any case: Azure's own paths ignore it. */
const ROWS: readonly Row[] = [
  row(/\/chat\/completions\/?$/i, openaiChat),
  row(/\/responses\/?$/i, openaiResponses),
  row(/\/responses\/compact\/?$/i, openaiResponsesCompact),
  row(/\/responses\/input_tokens\/?$/i, openaiResponsesTokenCount),
  row(/\/messages\/count_tokens\/?$/i, anthropicTokenCount),
  row(/\/messages\/batches\/?$/i, anthropicBatches),
  // Threads and stored completions have messages too, in an API that is another one.
  row(/(?<!\/(?:threads|completions)\/[^/]+)\/messages\/?$/i, anthropicMessages),
  row(/\/v2\/chat\/?$/i, cohereChat),
  row(/\/api\/chat\/?$/i, ollamaChat),
  row(/\/api\/generate\/?$/i, ollamaGenerate),
  // Vertex AI, where the model stands in the path.
  row(/\/models\/count-tokens:rawPredict\/?$/, anthropicTokenCount),
  row(/\/publishers\/anthropic\/models\/[^/:]+:(?:r|streamR)awPredict\/?$/, anthropicMessages),
]

/** Every format, in the order in which they are asked about a response whose request was never seen. */
export const FORMATS: readonly LlmFormat[] = [
  openaiChat,
  openaiResponses,
  openaiResponsesCompact,
  openaiResponsesTokenCount,
  anthropicMessages,
  anthropicTokenCount,
  anthropicBatches,
  cohereChat,
  ollamaChat,
  ollamaGenerate,
]

export function formatAt(place: RequestPlace): LlmFormat | undefined {
  return ROWS.find(({ pattern }) => pattern.test(place.path))?.format(place)
}

export function formatNamed(name: string): LlmFormat | undefined {
  return FORMATS.find(format => format.name === name)
}

/** What a config may call them. */
export const FORMAT_NAMES: readonly [string, ...string[]] = [
  openaiChat.name,
  ...FORMATS.map(({ name }) => name).filter(name => name !== openaiChat.name),
]
