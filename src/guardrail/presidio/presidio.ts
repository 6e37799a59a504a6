import { z } from 'zod'
import type { PostJson } from '../../service/http-client.ts'
import { baseUrlSchema, serviceKeys } from '../../service/service-config.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { joined } from '../joined.ts'
import { askAll } from '../pieces.ts'
import { presidioBatches } from './batches.ts'
import { guide } from './guide.ts'
import { presidioVerdict } from './verdict.ts'

/** An analyzer is one process as a rule: more at once would only wait there. */
const MAX_AT_ONCE = 8
/** A result takes some 150 bytes, and a list of numbers has one for every few characters. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024

const configSchema = z.strictObject({
  kind: z.literal('presidio'),
  endpoint: baseUrlSchema().describe(
    'Where the analyzer is, such as http://presidio-analyzer:3000; `/analyze` is added to it.',
  ),
  language: z
    .string()
    .regex(/^[A-Za-z]{2,3}([_-]\w+)*$/, 'must be a language code such as en')
    .default('en')
    .describe('The language of the texts. The analyzer refuses one that it has no model for.'),
  entities: z
    .array(z.string().regex(/^\S+$/, 'must be the name of an entity'))
    .min(1)
    .optional()
    .describe('What to look for, such as EMAIL_ADDRESS; without it all that the analyzer knows.'),
  score_threshold: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('What scores less is not found. Patterns that fit almost any number score below 0.1.'),
  ...serviceKeys({ maxConcurrent: MAX_AT_ONCE }),
})

export type PresidioConfig = z.output<typeof configSchema>

function create(
  name: string,
  config: PresidioConfig,
  deps: { readonly postJson: PostJson },
): RemoteGuardrail {
  const url = `${config.endpoint.replace(/(\/+|\/analyze\/*)$/, '')}/analyze`
  const { language, entities, score_threshold } = config
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    // What stands in a text is found by what stands around it there, whoever said it and whatever was said before.
    // Only in a conversation of over twenty texts do neighbours share a request, and there as paragraphs of their own.
    judges: 'each-text',
    async scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
      return askAll(presidioBatches(subject.segments), async batch => {
        const answer = await deps.postJson({
          url,
          headers: {},
          body: { text: joined(batch), language, entities, score_threshold },
          signal,
          maxResponseBytes: MAX_RESPONSE_BYTES,
        })
        return presidioVerdict(answer.json, batch, entities)
      })
    },
  }
}

/** Microsoft Presidio's analyzer, `POST /analyze`: personal data and where it stands. Roles mean nothing to it. */
export const presidio = { configSchema, secretKeys: [], locality: 'remote', guide, create } as const
