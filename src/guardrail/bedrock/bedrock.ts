import { z } from 'zod'
import { openBedrock } from '../../aws/bedrock-runtime.ts'
import type { BedrockAccess } from '../../aws/config.ts'
import {
  BEDROCK_SECRET_KEYS,
  bedrockKeys,
  CHARS_PER_TEXT_UNIT,
  checkBedrockAccess,
  textUnitsSchema,
} from '../../aws/config.ts'
import type { PostJson } from '../../service/http-client.ts'
import { serviceKeys } from '../../service/service-config.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { askAllHalving } from '../halves.ts'
import type { GuardrailRequest } from './content.ts'
import { applyBody, guardrailRequests, requestHalves } from './content.ts'
import { guide } from './guide.ts'
import { bedrockVerdict } from './verdict.ts'

const configSchema = z
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

function create(name: string, config: BedrockConfig, deps: { readonly postJson: PostJson }): RemoteGuardrail {
  const askBedrock = openBedrock(name, config satisfies BedrockAccess, applyPath(config), deps.postJson)
  const limits = { grounding: config.grounding, maxChars: config.max_text_units * CHARS_PER_TEXT_UNIT }

  async function ask(request: GuardrailRequest, signal: AbortSignal): Promise<Verdict> {
    const { json, requestId } = await askBedrock(applyBody(request), signal)
    return bedrockVerdict(json, request.pieces, requestId)
  }

  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    // Not text by text: a topic or an attack may be spread over the blocks of one request.
    async scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
      const requests = guardrailRequests(subject, limits)
      return askAllHalving(requests, request => ask(request, signal), requestHalves)
    },
  }
}

/** The id may be an ARN, whose colons and slash are one path segment's text. */
function applyPath({ guardrail_id, guardrail_version }: BedrockConfig): string {
  return `/guardrail/${encodeURIComponent(guardrail_id)}/version/${guardrail_version}/apply`
}

/** Amazon Bedrock Guardrails, `ApplyGuardrail`: judges texts by the policies of a guardrail of the account. */
export const bedrock = {
  configSchema,
  secretKeys: BEDROCK_SECRET_KEYS,
  locality: 'remote',
  guide,
  create,
} as const
