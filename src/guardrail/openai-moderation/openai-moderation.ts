import { z } from 'zod'
import type { PostJson } from '../../service/http-client.ts'
import { endpointSchema, keyHeader, serviceKeys } from '../../service/service-config.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { askUntilFlagged } from '../pieces.ts'
import { categorySchema } from './categories.ts'
import { guide } from './guide.ts'
import { moderationRequests } from './inputs.ts'
import { moderationVerdict } from './verdict.ts'

const DEFAULT_ENDPOINT = 'https://api.openai.com/v1/moderations'
const DEFAULT_MODEL = 'omni-moderation-latest'

const configSchema = z
  .strictObject({
    kind: z.literal('openai-moderation'),
    api_key: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Bearer key; a service of one’s own may take none. A reference such as $env://OPENAI_API_KEY.',
      ),
    endpoint: endpointSchema().default(DEFAULT_ENDPOINT).describe('The whole URL, path included.'),
    model: z.string().min(1).default(DEFAULT_MODEL).describe('The moderation model.'),
    thresholds: z
      .partialRecord(categorySchema, z.number().gt(0).max(1))
      .default({})
      .describe('The score from which on a category flags a text, such as { hate: 0.5 }.'),
    service_flags: z
      .enum(['use', 'ignore'])
      .default('use')
      .describe(
        'use: what the service flags is flagged, beside the thresholds. ignore: the thresholds alone decide.',
      ),
    ...serviceKeys(),
  })
  .refine(config => config.service_flags === 'use' || Object.keys(config.thresholds).length > 0, {
    path: ['thresholds'],
    message: 'must name a category when service_flags is ignore: nothing would ever be flagged',
  })

export type OpenaiModerationConfig = z.output<typeof configSchema>

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
