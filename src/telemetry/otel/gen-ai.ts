/** What OpenTelemetry's conventions for generative AI say of an API. */
export interface GenAi {
  /** `gen_ai.operation.name`; undefined where the conventions have no word for it. */
  readonly operation?: string
  /** `gen_ai.provider.name`: whose API is spoken. Who answers may be somebody else who speaks it too. */
  readonly provider?: string
}

const OPENAI_CHAT = { operation: 'chat', provider: 'openai' }
const ANTHROPIC = { provider: 'anthropic' }
const BEDROCK_CHAT = { operation: 'chat', provider: 'aws.bedrock' }
const BEDROCK_TEXT = { operation: 'text_completion', provider: 'aws.bedrock' }
// Gemini and Vertex AI have one API, and this is the conventions' word for either.
const GOOGLE = { operation: 'generate_content', provider: 'gcp.gen_ai' }

/** By the name of a format in a decision. One that does not stand here is no operation of the conventions. */
const BY_FORMAT: ReadonlyMap<string, GenAi> = new Map<string, GenAi>([
  ['openai-chat', OPENAI_CHAT],
  ['openai-responses', OPENAI_CHAT],
  ['openai-responses-compact', { provider: 'openai' }],
  ['openai-responses-token-count', { provider: 'openai' }],
  ['openai-completions', { operation: 'text_completion', provider: 'openai' }],
  ['openai-images', { operation: 'generate_content', provider: 'openai' }],
  ['openai-audio-speech', { operation: 'generate_content', provider: 'openai' }],
  ['openai-audio-transcription', { provider: 'openai' }],
  ['moderations', { provider: 'openai' }],
  ['anthropic-messages', { operation: 'chat', ...ANTHROPIC }],
  ['anthropic-batches', ANTHROPIC],
  ['anthropic-token-count', ANTHROPIC],
  ['bedrock-converse', BEDROCK_CHAT],
  ['bedrock-converse-stream', BEDROCK_CHAT],
  ['nova-messages', BEDROCK_CHAT],
  ['titan-text', BEDROCK_TEXT],
  ['llama-text', BEDROCK_TEXT],
  ['mistral-text', BEDROCK_TEXT],
  ['gemini', GOOGLE],
  ['gemini-sse', GOOGLE],
  ['gemini-array', GOOGLE],
  ['gemini-token-count', { provider: GOOGLE.provider }],
  ['gemini-embed', { operation: 'embeddings', provider: GOOGLE.provider }],
  ['cohere-chat', { operation: 'chat', provider: 'cohere' }],
  ['ollama-chat', { operation: 'chat', provider: 'ollama' }],
  ['ollama-generate', { operation: 'text_completion', provider: 'ollama' }],
  // Many speak it, and none of them is said by the path.
  ['embeddings', { operation: 'embeddings' }],
])

const NOTHING: GenAi = {}

/** `format`: as a decision names it. */
export function genAiOf(format: string | undefined): GenAi {
  return (format === undefined ? undefined : BY_FORMAT.get(format)) ?? NOTHING
}

/** Longer ones are no names. */
const MAX_MODEL_LENGTH = 128
const MODEL_NAME = /^[A-Za-z0-9][\w.:/@+-]*$/

/**
 * `gen_ai.request.model`. The client writes it, and may write anything: what has not the form of a name, such as a
 * sentence, is left out.
 */
export function modelName(model: string | undefined): string | undefined {
  if (model === undefined || model.length > MAX_MODEL_LENGTH) return undefined
  return MODEL_NAME.test(model) ? model : undefined
}
