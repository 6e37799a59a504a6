import type { PostJson } from '../../service/http-client.ts'
import { keyHeader } from '../../service/service-config.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { askUntilFlagged } from '../pieces.ts'
import { configSchema, type OpenaiModerationConfig } from './config.ts'
import { guide } from './guide.ts'
import { moderationRequests } from './request.ts'
import { moderationVerdict } from './verdict.ts'

function create(
  name: string,
  config: OpenaiModerationConfig,
  deps: { readonly postJson: PostJson },
): RemoteGuardrail {
  const headers = keyHeader(name, 'authorization', config.api_key)
  const criteria = { serviceFlags: config.service_flags, thresholds: config.thresholds }
  const ask = async (input: readonly string[], signal: AbortSignal): Promise<Verdict> => {
    const answer = await deps.postJson({
      url: config.endpoint,
      headers,
      body: { model: config.model, input },
      signal,
    })
    return moderationVerdict(answer.json, input.length, criteria)
  }
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    // Not text by text: the parts of one message are one input, since a client may cut a sentence in two.
    // An answer is judged without its question, whose old flagged turns would flag every answer again.
    scan: async ({ segments }: ScanSubject, signal: AbortSignal) =>
      askUntilFlagged(moderationRequests(segments), ask, signal),
  }
}

/** OpenAI moderations, `POST /v1/moderations`: harmful content by category, each with a score. Sees no roles. */
export const openaiModeration = {
  configSchema,
  secretKeys: ['api_key'],
  locality: 'remote',
  guide,
  create,
} as const
