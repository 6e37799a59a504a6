import { openBedrock } from '../../aws/bedrock-runtime.ts'
import type { BedrockAccess } from '../../aws/config.ts'
import { BEDROCK_SECRET_KEYS, CHARS_PER_TEXT_UNIT } from '../../aws/config.ts'
import type { PostJson } from '../../service/http-client.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { askAllHalving } from '../halves.ts'
import { type BedrockConfig, configSchema } from './config.ts'
import { guide } from './guide.ts'
import type { GuardrailRequest } from './request.ts'
import { applyBody, guardrailRequests, requestHalves } from './request.ts'
import { bedrockVerdict } from './verdict.ts'

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
