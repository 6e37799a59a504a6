import { z } from 'zod'
import { endpointSchema, keyHeaderSchema, serviceKeys } from '../../service/service-config.ts'
import { headersSchema } from './headers.ts'
import { plainJsonSchema, requestTemplateSchema, responseMappingSchema } from './template-config.ts'

/** Services of the generic dialect take bodies up to 64 KiB: 16,000 characters fit in any script. */
const GENERIC_MAX_CHARS = 16_000
const MAX_CHARS = 100_000

export const configSchema = z
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

/** The header that carries the key. */
export function keyHeaderOf(config: {
  readonly dialect: string
  readonly api_key_header?: string | undefined
}): string {
  return config.api_key_header ?? (config.dialect === 'litellm' ? 'x-api-key' : 'authorization')
}

/** The most characters of text in one request. */
export function maxCharsOf({ max_chars, dialect }: WebhookConfig): number {
  return max_chars ?? (dialect === 'generic' ? GENERIC_MAX_CHARS : MAX_CHARS)
}
