/** A provider whose bodies a format reads. */
export type InvokeProvider =
  /** The Messages API. */
  | 'anthropic'
  /** Converse's bodies: `novaMessages`. */
  | 'nova'
  /** `{prompt}` and the like: a text model of this room. */
  | 'titan-text'
  | 'llama'
  | 'mistral-text'
  /** Chat completions of OpenAI, and of the providers that have taken them over. */
  | 'openai-chat'

/**
 * Models whose bodies are known, by the beginning of their ids. `cohere.` is not among them: its Command models have
 * Cohere's v1 bodies there.
 */
const PROVIDERS: readonly (readonly [RegExp, InvokeProvider])[] = [
  [/^anthropic\.claude-(?!v\d|instant)/, 'anthropic'],
  [/^amazon\.nova-(?!canvas|reel|.*(?:sonic|embed))/, 'nova'],
  [/^amazon\.titan-t(?:ext|g1)-/, 'titan-text'],
  [/^meta\.llama/, 'llama'],
  [/^mistral\.(?:mistral-7b|mixtral-8x7b|mistral-small-2402)-/, 'mistral-text'],
  // That one takes both kinds of bodies.
  [/^(?:mistral\.(?!mistral-large-2402)|openai\.gpt-oss-|qwen\.|ai21\.jamba-)/, 'openai-chat'],
]

/** Where inference runs, before the id of a model in an inference profile: `us.`, `us-gov.`, `apac.`, `global.` … */
const GEOGRAPHY = /^(?:us|us-gov|eu|apac|jp|au|ca|global)\./

/**
 * Whose bodies the model takes that a path names: an id, an inference profile of a geography, or an ARN of either.
 * Undefined where the id does not say: a provisioned, imported or custom model, a profile of one's own, a provider
 * that is not known. No format can inspect that.
 */
export function providerOf(model: string): InvokeProvider | undefined {
  const arn = /^arn:[^/]+:(?:foundation-model|inference-profile)\/(.+)$/.exec(model)
  const id = (arn?.[1] ?? model).replace(GEOGRAPHY, '')
  return PROVIDERS.find(([pattern]) => pattern.test(id))?.[1]
}
