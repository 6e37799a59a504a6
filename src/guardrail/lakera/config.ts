import { z } from 'zod'
import { endpointSchema, serviceKeys } from '../../service/service-config.ts'

const DEFAULT_ENDPOINT = 'https://api.lakera.ai/v2/guard'
const MAX_TAGS = 16

/** The tag that Weir sets itself. */
export const EXCHANGE_TAG = 'internal_request_id'

export const configSchema = z
  .strictObject({
    kind: z.literal('lakera'),
    api_key: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Bearer key, required by lakera.ai; a self-hosted Lakera takes none. A reference such as $env://LAKERA_API_KEY.',
      ),
    lakera_endpoint: endpointSchema()
      .default(DEFAULT_ENDPOINT)
      .describe(
        'The whole URL, path included: data regions differ in host only, a self-hosted Lakera is http://<host>:8000/v2/guard.',
      ),
    project_id: z
      .string()
      .min(1)
      .optional()
      .describe('The project whose policy judges; without it the account’s default policy.'),
    metadata: z
      .record(
        z.string().regex(/^[\w.-]{1,64}$/, 'must be a name of at most 64 characters'),
        z.string().max(256),
      )
      .refine(tags => Object.keys(tags).length <= MAX_TAGS, `must not have more than ${MAX_TAGS} entries`)
      .refine(
        tags => !Object.hasOwn(tags, EXCHANGE_TAG),
        `${EXCHANGE_TAG} is the exchange’s id, which Weir sends`,
      )
      .optional()
      .describe(
        `Tags of every request, for Lakera’s log; at most ${MAX_TAGS}, of 256 characters each. \`${EXCHANGE_TAG}\` is always sent: the id in \`x-weir-request-id\`.`,
      ),
    max_chars: z
      .int()
      .min(1000)
      .max(1_000_000)
      .default(100_000)
      .describe('Characters of text in one request; longer conversations are split over up to 20 requests.'),
    ...serviceKeys(),
  })
  .refine(({ api_key, lakera_endpoint }) => api_key !== undefined || !isLakeraItself(lakera_endpoint), {
    message: 'is required by lakera.ai; only a self-hosted Lakera takes none',
    path: ['api_key'],
  })

export type LakeraConfig = z.output<typeof configSchema>

function isLakeraItself(url: string): boolean {
  const host = URL.parse(url)?.hostname.replace(/\.$/, '')
  return host === 'lakera.ai' || host?.endsWith('.lakera.ai') === true
}
