import { anthropicMessages } from './anthropic-messages/index.ts'
import { modelInPath } from './bedrock.ts'
import { novaMessages } from './bedrock-converse/index.ts'
import {
  bedrockInvoke,
  bedrockInvokeStream,
  type InvokeProvider,
  llamaText,
  mistralText,
  providerOf,
  titanText,
} from './bedrock-invoke/index.ts'
import type { LlmFormat, RequestPlace } from './format.ts'
import { openaiChat } from './openai-chat/index.ts'

/** The formats of the bodies that InvokeModel takes, by provider. */
const PROVIDERS: Readonly<Record<InvokeProvider, LlmFormat>> = {
  anthropic: anthropicMessages,
  nova: novaMessages,
  'titan-text': titanText,
  llama: llamaText,
  'mistral-text': mistralText,
  'openai-chat': openaiChat,
}

const WHOLE = formatsBy(bedrockInvoke)
const STREAMED = formatsBy(bedrockInvokeStream)

function formatsBy(make: (provider: LlmFormat) => LlmFormat): ReadonlyMap<string, LlmFormat> {
  return new Map(Object.entries(PROVIDERS).map(([provider, format]) => [provider, make(format)]))
}

/** InvokeModel's format by the model in the path; undefined where the model does not say whose bodies it takes. */
export function invokeAt({ path }: RequestPlace): LlmFormat | undefined {
  return WHOLE.get(providerAt(path))
}

/** The same for InvokeModelWithResponseStream. */
export function invokeStreamAt({ path }: RequestPlace): LlmFormat | undefined {
  return STREAMED.get(providerAt(path))
}

function providerAt(path: string): string {
  return providerOf(modelInPath(path) ?? '') ?? ''
}

export const invokeFormats: readonly LlmFormat[] = [...WHOLE.values(), ...STREAMED.values()]
