import type { PostJson } from '../../service/http-client.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { joined } from '../joined.ts'
import { askAll } from '../pieces.ts'
import { configSchema, type PresidioConfig } from './config.ts'
import { guide } from './guide.ts'
import { presidioBatches } from './request.ts'
import { presidioVerdict } from './verdict.ts'

/** A result takes some 150 bytes, and a list of numbers has one for every few characters. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024

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
