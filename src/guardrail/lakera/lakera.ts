import { z } from 'zod'
import { WeirError } from '../../errors.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import type { PostJson } from '../http-client.ts'
import { lakeraConversation } from './messages.ts'
import { lakeraVerdict } from './verdict.ts'

const DEFAULT_ENDPOINT = 'https://api.lakera.ai/v2/guard'
/** Longer than this and a timer fires at once. */
const MAX_TIMEOUT_MS = 2_147_483_647

const configSchema = z.strictObject({
  kind: z.literal('lakera'),
  api_key: z
    .string()
    .min(1)
    .optional()
    .describe('Bearer key; a self-hosted Lakera takes none. A reference such as $env://LAKERA_API_KEY.'),
  lakera_endpoint: z
    .url({ protocol: /^https?$/ })
    .refine(hasNoCredentials, 'must not carry credentials: use api_key')
    .default(DEFAULT_ENDPOINT)
    .describe('The whole URL, path included: regional hosts and self-hosted ones differ in host only.'),
  project_id: z
    .string()
    .min(1)
    .optional()
    .describe('The project whose policy judges; without it the account’s default policy.'),
  timeout: z.int().min(1).max(MAX_TIMEOUT_MS).default(5000).describe('Milliseconds for one whole scan.'),
  ssl_verify: z.boolean().default(true).describe('false accepts any certificate.'),
})

export type LakeraConfig = z.output<typeof configSchema>

function hasNoCredentials(url: string): boolean {
  const parsed = URL.parse(url)
  return parsed !== null && parsed.username === '' && parsed.password === ''
}

function create(name: string, config: LakeraConfig, deps: { readonly postJson: PostJson }): RemoteGuardrail {
  const headers = authorization(name, config.api_key)
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    async scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
      const { messages } = lakeraConversation(subject)
      // The service refuses an empty list, and blank text holds nothing to judge.
      if (messages.length === 0) return { kind: 'clean' }
      const answer = await deps.postJson({
        url: config.lakera_endpoint,
        headers,
        body: { messages, breakdown: true, project_id: config.project_id },
        signal,
        tls: config.ssl_verify ? 'verified' : 'unverified',
      })
      return lakeraVerdict(answer.json)
    },
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

/** Lakera Guard v2, `POST /v2/guard`: judges the whole role-tagged conversation, or an answer's text. */
export const lakera = { configSchema, secretKeys: ['api_key'], locality: 'remote', create } as const
