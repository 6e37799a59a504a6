import { z } from 'zod'
import { endpointSchema, keyHeaderSchema, serviceKeys } from '../../service/service-config.ts'
import { DEFAULT_CATEGORIES } from './request.ts'

export const configSchema = z.strictObject({
  kind: z.literal('llm-judge'),
  endpoint: endpointSchema()
    .default('https://api.openai.com/v1/chat/completions')
    .describe(
      'The whole URL of an OpenAI-compatible chat completions endpoint that takes `response_format`.',
    ),
  api_key: z
    .string()
    .min(1)
    .optional()
    .describe('Key of the endpoint. A reference such as $env://OPENAI_API_KEY.'),
  api_key_header: keyHeaderSchema()
    .default('authorization')
    .describe('Header that carries the key: `authorization` as a Bearer token, any other as it is.'),
  model: z.string().min(1).describe('The model that judges. It must take a temperature of 0.'),
  prompt: z
    .string()
    .trim()
    .min(1)
    .optional()
    .describe(
      'The policy to judge by; when left out a built-in one on the default categories. How to read the text and how to answer is added to it.',
    ),
  categories: z
    .array(z.string().regex(/^[a-z0-9_./:-]{1,64}$/))
    .min(1)
    .max(100)
    .default(DEFAULT_CATEGORIES)
    .describe('The detectors that the prompt speaks of. The judge may name no other.'),
  threshold: z.number().min(0).max(1).default(0.5).describe('The score from which on text is flagged.'),
  max_chars: z
    .int()
    .min(500)
    .max(1_000_000)
    .default(24_000)
    .describe('Characters of text in one request; longer texts are split over up to 20 requests.'),
  ...serviceKeys(),
})

export type LlmJudgeConfig = z.output<typeof configSchema>
