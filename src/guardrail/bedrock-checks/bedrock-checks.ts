import { openBedrock } from '../../aws/bedrock-runtime.ts'
import { BEDROCK_SECRET_KEYS, CHARS_PER_TEXT_UNIT } from '../../aws/config.ts'
import type { PostJson } from '../../service/http-client.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { askAllHalving, halvesOf } from '../halves.ts'
import type { Piece } from '../pieces.ts'
import { batchesOf } from '../pieces.ts'
import { checksBody, checksOf } from './checks.ts'
import type { BedrockChecksConfig } from './config.ts'
import { configSchema } from './config.ts'
import { guide } from './guide.ts'
import { checksMessages } from './request.ts'
import { checksVerdict } from './verdict.ts'

const PATH = '/guardrail-checks/invoke'

function create(
  name: string,
  config: BedrockChecksConfig,
  deps: { readonly postJson: PostJson },
): RemoteGuardrail {
  const askBedrock = openBedrock(name, config, PATH, deps.postJson)
  const checks = checksOf(config)
  const maxChars = config.max_text_units * CHARS_PER_TEXT_UNIT

  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    // Not text by text: an attack is one by what the messages around it say.
    async scan({ segments }: ScanSubject, signal: AbortSignal): Promise<Verdict> {
      const ask = async (batch: readonly Piece[]): Promise<Verdict> => {
        const { messages, places } = checksMessages(batch, segments)
        const { json, requestId } = await askBedrock({ messages, checks: checksBody(checks) }, signal)
        return checksVerdict(json, checks, places, requestId)
      }
      return askAllHalving(batchesOf(segments, maxChars).map(wellFormed), ask, halvesOf)
    },
  }
}

/** A lone surrogate, which is no JSON text, becomes U+FFFD: a unit for a unit. */
function wellFormed(batch: readonly Piece[]): readonly Piece[] {
  return batch.map(piece => ({ ...piece, text: piece.text.toWellFormed() }))
}

/**
 * Amazon Bedrock Guardrails, `InvokeGuardrailChecks`: scores a conversation without a guardrail in the account. An
 * answer is judged without its question, whose old flagged turns would flag every answer again.
 */
export const bedrockChecks = {
  configSchema,
  secretKeys: BEDROCK_SECRET_KEYS,
  locality: 'remote',
  guide,
  create,
} as const
