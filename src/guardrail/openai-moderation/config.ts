import { z } from 'zod'
import { endpointSchema, serviceKeys } from '../../service/service-config.ts'
import { categorySchema } from './categories.ts'

const DEFAULT_ENDPOINT = 'https://api.openai.com/v1/moderations'
const DEFAULT_MODEL = 'omni-moderation-latest'

export const configSchema = z
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
