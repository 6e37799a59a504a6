import { anthropicBatches, anthropicMessages, anthropicTokenCount } from './anthropic-messages/index.ts'
import { bedrockConverse, bedrockConverseStream } from './bedrock-converse/index.ts'
import { invokeAt, invokeFormats, invokeStreamAt } from './bedrock-formats.ts'
import { cohereChat } from './cohere-chat/index.ts'
import { embeddings } from './embeddings/index.ts'
import type { LlmFormat, RequestPlace } from './format.ts'
import {
  gemini,
  geminiArray,
  geminiEmbed,
  geminiSse,
  geminiStreamAt,
  geminiTokenCount,
} from './gemini/index.ts'
import { mcp } from './mcp/index.ts'
import { moderations } from './moderations/index.ts'
import { ollamaChat } from './ollama-chat/index.ts'
import { ollamaGenerate } from './ollama-generate/index.ts'
import { openaiAudioSpeech, openaiAudioTranscription } from './openai-audio/index.ts'
import { openaiChat } from './openai-chat/index.ts'
import { openaiCompletions } from './openai-completions/index.ts'
import { openaiImages } from './openai-images/index.ts'
import {
  openaiResponses,
  openaiResponsesCompact,
  openaiResponsesTokenCount,
} from './openai-responses/index.ts'

import { rerank } from './rerank/index.ts'

/** Which API speaks at a place. */
interface Row {
  /** As the README names it. */
  readonly api: string
  /** The path as its documentation writes it, after whatever stands before it. */
  readonly path: string
  /** Of the normalised path. Any prefix: gateways and deployments put their own before it. */
  readonly pattern: RegExp
  format(place: RequestPlace): LlmFormat | undefined
}

const CHAT = 'OpenAI Chat Completions (Azure, and the many that speak it)'
const RESPONSES = 'OpenAI Responses'
const COMPLETIONS = 'OpenAI Completions (legacy)'
const ANTHROPIC = 'Anthropic Messages'
const VERTEX_ANTHROPIC = 'Anthropic Messages on Vertex AI'
const COHERE = 'Cohere Chat v2'
const OLLAMA = 'Ollama'
const GEMINI = 'Gemini and Vertex AI'
const BEDROCK = 'Amazon Bedrock'
const EMBEDDINGS = 'Embeddings'
const RERANK = 'Rerank (Cohere, Jina)'
const MODERATIONS = 'OpenAI Moderations'
const IMAGES = 'OpenAI Images'
const AUDIO = 'OpenAI Audio'
const MCP = 'Model Context Protocol'

function row(api: string, path: string, pattern: RegExp, format: LlmFormat | Row['format']): Row {
  return { api, path, pattern, format: typeof format === 'function' ? format : () => format }
}

/**
 * In order: the first row whose pattern fits claims the exchange. Any case: Azure's own paths ignore it. Google's
 * methods count under any resource, of which there are more than models: `dynamic/`, `tunedModels/`, `endpoints/`.
 * Bedrock's look from the first `/model/` on and from no other: a path of nothing else would be read over and over.
 */
const ROWS: readonly Row[] = [
  row(CHAT, '/chat/completions', /\/chat\/completions\/?$/i, openaiChat),
  row(COMPLETIONS, '/completions', /\/completions\/?$/i, openaiCompletions),
  row(RESPONSES, '/responses', /\/responses\/?$/i, openaiResponses),
  row(RESPONSES, '/responses/compact', /\/responses\/compact\/?$/i, openaiResponsesCompact),
  row(RESPONSES, '/responses/input_tokens', /\/responses\/input_tokens\/?$/i, openaiResponsesTokenCount),
  row(ANTHROPIC, '/messages/count_tokens', /\/messages\/count_tokens\/?$/i, anthropicTokenCount),
  row(ANTHROPIC, '/messages/batches', /\/messages\/batches\/?$/i, anthropicBatches),
  // Threads and stored completions have messages too, in an API that is another one.
  row(ANTHROPIC, '/messages', /(?<!\/(?:threads|completions)\/[^/]+)\/messages\/?$/i, anthropicMessages),
  row(
    VERTEX_ANTHROPIC,
    '/publishers/anthropic/models/{model}:rawPredict',
    /\/publishers\/anthropic\/models\/(?!count-tokens)[^/:]+:(?:r|streamR)awPredict\/?$/i,
    anthropicMessages,
  ),
  row(
    VERTEX_ANTHROPIC,
    '/models/count-tokens:rawPredict',
    /\/models\/count-tokens:rawPredict\/?$/i,
    anthropicTokenCount,
  ),
  row(GEMINI, '/models/{model}:generateContent', /:generateContent\/?$/i, gemini),
  row(GEMINI, '/models/{model}:streamGenerateContent', /:streamGenerateContent\/?$/i, geminiStreamAt),
  row(GEMINI, '/models/{model}:countTokens', /:countTokens\/?$/i, geminiTokenCount),
  row(GEMINI, '/models/{model}:embedContent', /:(?:embedContent|batchEmbedContents)\/?$/i, geminiEmbed),
  row(BEDROCK, '/model/{id}/converse', /^(?:(?!\/model\/).)*\/model\/.+\/converse\/?$/is, bedrockConverse),
  row(
    BEDROCK,
    '/model/{id}/converse-stream',
    /^(?:(?!\/model\/).)*\/model\/.+\/converse-stream\/?$/is,
    bedrockConverseStream,
  ),
  row(BEDROCK, '/model/{id}/invoke', /^(?:(?!\/model\/).)*\/model\/.+\/invoke\/?$/is, invokeAt),
  row(
    BEDROCK,
    '/model/{id}/invoke-with-response-stream',
    /^(?:(?!\/model\/).)*\/model\/.+\/invoke-with-response-stream\/?$/is,
    invokeStreamAt,
  ),
  row(COHERE, '/v2/chat', /\/v2\/chat\/?$/i, cohereChat),
  row(OLLAMA, '/api/chat', /\/api\/chat\/?$/i, ollamaChat),
  row(OLLAMA, '/api/generate', /\/api\/generate\/?$/i, ollamaGenerate),
  row(EMBEDDINGS, '/embeddings', /(?<!\/api)\/embeddings\/?$/i, embeddings),
  row(RERANK, '/rerank', /\/rerank\/?$/i, rerank),
  row(MODERATIONS, '/moderations', /\/moderations\/?$/i, moderations),
  row(IMAGES, '/images/generations', /\/images\/generations\/?$/i, openaiImages),
  row(IMAGES, '/images/edits', /\/images\/(?:edits|variations)\/?$/i, openaiImages),
  row(AUDIO, '/audio/speech', /\/audio\/speech\/?$/i, openaiAudioSpeech),
  row(AUDIO, '/audio/transcriptions', /\/audio\/transcriptions\/?$/i, openaiAudioTranscription),
  row(AUDIO, '/audio/translations', /\/audio\/translations\/?$/i, openaiAudioTranscription),
  row(MCP, '/mcp', /\/mcp\/?$/i, mcp),
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
  gemini,
  geminiSse,
  geminiArray,
  geminiTokenCount,
  geminiEmbed,
  bedrockConverse,
  bedrockConverseStream,
  ...invokeFormats,
  openaiCompletions,
  embeddings,
  rerank,
  moderations,
  openaiImages,
  openaiAudioSpeech,
  openaiAudioTranscription,
  mcp,
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

/** What Weir understands, as Markdown: for the README. */
export function formatTable(): string {
  const apis = [...new Set(ROWS.map(({ api }) => api))]
  const rows = apis.map(name => {
    const paths = ROWS.filter(({ api }) => api === name).map(({ path }) => `\`…${path}\``)
    return `| ${name} | ${paths.join(', ')} |`
  })
  return ['| API | paths |', '|---|---|', ...rows].join('\n')
}
