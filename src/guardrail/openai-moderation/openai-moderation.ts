import { z } from 'zod'
import { WeirError } from '../../errors.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import type { PostJson } from '../http-client.ts'
import { askAll } from './ask-all.ts'
import { categorySchema } from './categories.ts'
import { moderationRequests } from './inputs.ts'
import { moderationVerdict } from './verdict.ts'

const DEFAULT_ENDPOINT = 'https://api.openai.com/v1/moderations'
const DEFAULT_MODEL = 'omni-moderation-latest'
/** Longer than this and a timer fires at once. */
const MAX_TIMEOUT_MS = 2_147_483_647

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
    endpoint: z
      .url({ protocol: /^https?$/ })
      .refine(hasNoCredentials, 'must not carry credentials: use api_key')
      .default(DEFAULT_ENDPOINT)
      .describe('The whole URL, path included.'),
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
    timeout: z.int().min(1).max(MAX_TIMEOUT_MS).default(5000).describe('Milliseconds for one whole scan.'),
    ssl_verify: z.boolean().default(true).describe('false accepts any certificate.'),
  })
  .refine(config => config.service_flags === 'use' || Object.keys(config.thresholds).length > 0, {
    path: ['thresholds'],
    message: 'must name a category when service_flags is ignore: nothing would ever be flagged',
  })

export type OpenaiModerationConfig = z.output<typeof configSchema>

function hasNoCredentials(url: string): boolean {
  const parsed = URL.parse(url)
  return parsed !== null && parsed.username === '' && parsed.password === ''
}

function create(
  name: string,
  config: OpenaiModerationConfig,
  deps: { readonly postJson: PostJson },
): RemoteGuardrail {
  const headers = authorization(name, config.api_key)
  const criteria = { serviceFlags: config.service_flags, thresholds: config.thresholds }
  const ask = async (input: readonly string[], signal: AbortSignal): Promise<Verdict> => {
    const answer = await deps.postJson({
      url: config.endpoint,
      headers,
      body: { model: config.model, input },
      signal,
      tls: config.ssl_verify ? 'verified' : 'unverified',
    })
    return moderationVerdict(answer.json, input.length, criteria)
  }
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    // An answer is judged without its question, whose old flagged turns would flag every answer again.
    scan: async ({ segments }: ScanSubject, signal: AbortSignal) =>
      askAll(moderationRequests(segments), ask, signal),
  }
}

/** A key that no header can carry (a line break from a file, say) would fail every scan: better to fail at the start. */
function authorization(name: string, apiKey: string | undefined): Record<string, string> {
  if (apiKey === undefined) return {}
  if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    const problem = {
      path: `guardrails.${name}.api_key`,
      message: 'holds a space, line break or non-ASCII character',
    }
    throw new WeirError('bad-config', `guardrail ${name}: the api_key cannot be sent`, {
      problems: [problem],
    })
  }
  return { authorization: `Bearer ${apiKey}` }
}

/** OpenAI moderations, `POST /v1/moderations`: harmful content by category, each with a score. Sees no roles. */
export const openaiModeration = { configSchema, secretKeys: ['api_key'], locality: 'remote', create } as const
