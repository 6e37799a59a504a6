import type { ClientDriver } from './driver.ts'
import { drivers as anthropicMessages } from './drivers/anthropic-messages.ts'
import { drivers as bedrock } from './drivers/bedrock.ts'
import { drivers as cohere } from './drivers/cohere.ts'
import { drivers as gemini } from './drivers/gemini.ts'
import { drivers as mcp } from './drivers/mcp.ts'
import { drivers as ollama } from './drivers/ollama.ts'
import { drivers as openaiChat } from './drivers/openai-chat.ts'
import { drivers as openaiCompletions } from './drivers/openai-completions.ts'
import { drivers as openaiOthers } from './drivers/openai-others.ts'
import { drivers as openaiResponses } from './drivers/openai-responses.ts'
import { drivers as python } from './drivers/python.ts'

/** Every official client that the matrix drives. */
export const DRIVERS: readonly ClientDriver[] = [
  ...openaiChat,
  ...openaiResponses,
  ...anthropicMessages,
  ...cohere,
  ...ollama,
  ...gemini,
  ...bedrock,
  ...openaiCompletions,
  ...openaiOthers,
  ...mcp,
  ...python,
]
