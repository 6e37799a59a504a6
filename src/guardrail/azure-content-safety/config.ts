import { z } from 'zod'
import { baseUrlSchema, serviceKeys } from '../../service/service-config.ts'

const severity = z.union([z.int().min(1).max(7), z.literal('off')])

const thresholdsSchema = z.strictObject({
  hate: severity.default(4).describe('Hate and unfairness.'),
  self_harm: severity.default(4).describe('Self-harm.'),
  sexual: severity.default(4).describe('Sexual content.'),
  violence: severity.default(4).describe('Violence.'),
})

/** Severity per category, from which on it flags a text. */
export type Thresholds = z.output<typeof thresholdsSchema>

export const configSchema = z
  .strictObject({
    kind: z.literal('azure-content-safety'),
    endpoint: baseUrlSchema().describe(
      'The resource, such as https://my-resource.cognitiveservices.azure.com; paths are added to it.',
    ),
    api_key: z
      .string()
      .min(1)
      .optional()
      .describe('The resource’s key; a container may take none. A reference such as $env://AZURE_CS_KEY.'),
    api_version: z
      .string()
      .regex(/^[\w.-]+$/)
      .default('2024-09-01')
      .describe('The version of the API, as in the api-version of a URL.'),
    checks: z
      .array(z.enum(['prompt_shield', 'analyze']))
      .min(1)
      .default(['prompt_shield', 'analyze'])
      .describe(
        'prompt_shield looks for attacks on the model, analyze for harmful content; each is a request.',
      ),
    thresholds: thresholdsSchema
      .prefault({})
      .describe('analyze: the severity from which on a category flags a text, or off. 4 unless given.'),
    severity_levels: z
      .enum(['four', 'eight'])
      .default('four')
      .describe('analyze: severities are 0, 2, 4, 6 (four), or 0 to 7 (eight).'),
    blocklists: z
      .array(z.string().regex(/^[\w.~-]{1,64}$/))
      .default([])
      .describe('analyze: the resource’s own blocklists; a match of any flags a text.'),
    ...serviceKeys(),
  })
  .refine(({ checks, thresholds }) => !checks.includes('analyze') || !isAllOff(thresholds), {
    path: ['thresholds'],
    message: 'must not be off for every category: leave analyze out of checks',
  })
  .refine(
    ({ severity_levels, thresholds }) =>
      severity_levels === 'eight' || !Object.values(thresholds).includes(7),
    { path: ['thresholds'], message: 'must not be 7 with four severity levels: 6 is the highest of them' },
  )

function isAllOff(thresholds: Thresholds): boolean {
  return Object.values(thresholds).every(threshold => threshold === 'off')
}

export type AzureContentSafetyConfig = z.output<typeof configSchema>
