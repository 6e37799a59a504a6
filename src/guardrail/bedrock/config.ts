import { z } from 'zod'
import { bedrockKeys, checkBedrockAccess, textUnitsSchema } from '../../aws/config.ts'
import { serviceKeys } from '../../service/service-config.ts'

export const configSchema = z
  .strictObject({
    kind: z.literal('bedrock'),
    guardrail_id: z
      .string()
      .regex(/^(?:[a-z0-9]{1,64}|arn:aws[a-z-]*:bedrock:[a-z0-9-]{1,20}:\d{12}:guardrail\/[a-z0-9]{1,64})$/)
      .describe('The guardrail’s id or its whole ARN.'),
    guardrail_version: z
      .string()
      .regex(/^(?:[1-9]\d{0,7}|DRAFT)$/)
      .describe('A number in quotes, or DRAFT.'),
    ...bedrockKeys(),
    grounding: z
      .enum(['off', 'conversation'])
      .default('off')
      .describe(
        'conversation: answers are judged for contextual grounding, by system texts and tool results as source ' +
          '(at most 100000 characters) and the last user message as query (at most 1000); over that: over-limit.',
      ),
    max_text_units: textUnitsSchema().describe(
      'Of 1000 characters, in one request. Longer texts are split, into at most 20 requests. An account may allow ' +
        'more; where it allows less, what is refused as too large is asked again in halves, within the 20.',
    ),
    ...serviceKeys(),
  })
  .superRefine((config, problems) => checkBedrockAccess(config, problems))

export type BedrockConfig = z.output<typeof configSchema>
