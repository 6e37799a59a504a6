import { z } from 'zod'
import { assertNever, WeirError } from '../../errors.ts'
import type { PostJson } from '../../service/http-client.ts'
import { endpointSchema, keyHeader, keyHeaderSchema, serviceKeys } from '../../service/service-config.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { askAll, batchesOf } from '../pieces.ts'
import { agentgateway } from './agentgateway.ts'
import type { Dialect } from './dialect.ts'
import { generic } from './generic.ts'
import { guide } from './guide.ts'
import { headersSchema, sendable } from './headers.ts'
import { litellm } from './litellm.ts'
import { portkey } from './portkey.ts'
import { template } from './template.ts'
import { plainJsonSchema, requestTemplateSchema, responseMappingSchema } from './template-config.ts'

/** Services of the generic dialect take bodies up to 64 KiB: 16,000 characters fit in any script. */
const GENERIC_MAX_CHARS = 16_000
const MAX_CHARS = 100_000

const configSchema = z
  .strictObject({
    kind: z.literal('webhook'),
    dialect: z
      .enum(['generic', 'agentgateway', 'litellm', 'portkey', 'template'])
      .describe(
        'What the service speaks: `{input, phase}` answered by allowed, flagged or blocked; the webhooks of agentgateway (kgateway, Gloo), LiteLLM (Generic Guardrail API) or Portkey; or JSON of your own.',
      ),
    url: endpointSchema().describe(
      'The whole URL; with agentgateway the one before `/request` and `/response`, with litellm the one before `/beta/litellm_basic_guardrail_api`.',
    ),
    api_key: z
      .string()
      .min(1)
      .optional()
      .describe('Key of the service. A reference such as $env://GUARD_API_KEY.'),
    api_key_header: keyHeaderSchema()
      .optional()
      .describe(
        'Header that carries the key: `authorization` as a Bearer token (the default), any other as it is. With litellm `x-api-key` when left out.',
      ),
    headers: headersSchema
      .optional()
      .describe(
        'More headers to send, by their names in lower case. A value may be a reference; write what is secret as one.',
      ),
    params: plainJsonSchema
      .optional()
      .describe('Only with litellm: sent as `additional_provider_specific_params`.'),
    request: requestTemplateSchema
      .optional()
      .describe(
        `Only with template: the JSON to send. Strings may hold \${text} and \${side}; a string \${messages} becomes the list of messages.`,
      ),
    response: responseMappingSchema.optional().describe('Only with template: where the answer says what.'),
    max_chars: z
      .int()
      .min(500)
      .max(1_000_000)
      .optional()
      .describe(
        `Characters in one request; longer texts are split over up to 20 requests. When left out ${GENERIC_MAX_CHARS} with generic, else ${MAX_CHARS}.`,
      ),
    ...serviceKeys(),
  })
  .superRefine(({ dialect, request, response, params, ...config }, context) => {
    const issue = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: key.split('.'), message, input: undefined })
    const keyName = keyHeaderOf({ dialect, ...config })
    if (config.api_key !== undefined && config.headers?.[keyName] !== undefined)
      issue(`headers.${keyName}`, 'is the header that carries api_key')
    for (const [key, value] of Object.entries({ request, response })) {
      if (dialect === 'template' && value === undefined) issue(key, 'is required with dialect template')
      if (dialect !== 'template' && value !== undefined) issue(key, 'belongs to dialect template')
    }
    if (dialect !== 'litellm' && params !== undefined) issue('params', 'belongs to dialect litellm')
  })

export type WebhookConfig = z.output<typeof configSchema>

function create(name: string, config: WebhookConfig, deps: { readonly postJson: PostJson }): RemoteGuardrail {
  const maxChars = config.max_chars ?? (config.dialect === 'generic' ? GENERIC_MAX_CHARS : MAX_CHARS)
  const dialect = dialectOf(name, config, maxChars)
  const headers = {
    ...sendable(name, config.headers ?? {}),
    ...keyHeader(name, keyHeaderOf(config), config.api_key),
  }
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    async scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
      return askAll(batchesOf(subject.segments, maxChars), async batch => {
        const { url, body } = dialect.question(batch, subject)
        const answer = await deps.postJson({
          url,
          headers,
          body,
          signal,
          // A dialect may send the texts back, with escapes up to six bytes a character.
          maxResponseBytes: 1024 * 1024 + 6 * maxChars,
        })
        return dialect.verdict(answer.json, batch, subject.side)
      })
    },
  }
}

function keyHeaderOf(config: {
  readonly dialect: string
  readonly api_key_header?: string | undefined
}): string {
  return config.api_key_header ?? (config.dialect === 'litellm' ? 'x-api-key' : 'authorization')
}

function dialectOf(name: string, config: WebhookConfig, maxChars: number): Dialect {
  const { dialect, url, params = {}, request, response } = config
  switch (dialect) {
    case 'generic':
      return generic(url)
    case 'agentgateway':
      return agentgateway(url)
    case 'litellm':
      return litellm(url, params)
    case 'portkey':
      return portkey(url, maxChars)
    case 'template':
      if (request === undefined || response === undefined) {
        throw new WeirError('bad-config', `guardrail ${name}: dialect template needs request and response`)
      }
      return template(url, request, response, maxChars)
    default:
      return assertNever(dialect)
  }
}

/** Guard services that speak one of the webhook dialects of other gateways, or JSON that the config describes. */
export const webhook = {
  configSchema,
  secretKeys: ['api_key', 'headers.*'],
  locality: 'remote',
  guide,
  create,
} as const
