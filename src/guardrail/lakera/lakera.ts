import type { PostJson } from '../../service/http-client.ts'
import { keyHeader } from '../../service/service-config.ts'
import type { DetectorResult, RemoteGuardrail, ScanOrigin, ScanSubject, Verdict } from '../guardrail.ts'
import { askAll } from '../pieces.ts'
import { configSchema, EXCHANGE_TAG, type LakeraConfig } from './config.ts'
import { strongest } from './detections.ts'
import { guide } from './guide.ts'
import { lakeraRequests } from './request.ts'
import { lakeraVerdict } from './verdict.ts'

/** A detector's entry takes some 200 bytes, and each message of a conversation has one for every detector. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024

function create(name: string, config: LakeraConfig, deps: { readonly postJson: PostJson }): RemoteGuardrail {
  const headers = keyHeader(name, 'authorization', config.api_key)
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    // Not each text by itself: what a message means to Lakera hangs on the others.
    async scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
      const metadata = tagsOf(config.metadata, subject.origin)
      const results: DetectorResult[] = []
      const verdict = await askAll(lakeraRequests(subject, config.max_chars), async messages => {
        const answer = await deps.postJson({
          url: config.lakera_endpoint,
          headers,
          body: {
            messages: messages.map(({ role, content }) => ({ role, content })),
            payload: true,
            breakdown: true,
            project_id: config.project_id,
            metadata,
          },
          signal,
          maxResponseBytes: MAX_RESPONSE_BYTES,
        })
        const one = lakeraVerdict(answer.json, messages)
        if (one.kind === 'flagged') results.push(...(one.breakdown ?? []))
        return one
      })
      // Only here is known which of two levels is the stronger one.
      return verdict.kind === 'flagged' ? { ...verdict, breakdown: strongest(results) } : verdict
    },
  }
}

/** Undefined when there is nothing to tell. */
function tagsOf(
  tags: Readonly<Record<string, string>> | undefined,
  origin: ScanOrigin | undefined,
): Readonly<Record<string, string>> | undefined {
  return origin === undefined ? tags : { ...tags, [EXCHANGE_TAG]: origin.exchangeId }
}

/** Lakera Guard v2, `POST /v2/guard`: judges the whole role-tagged conversation, or an answer's text. */
export const lakera = { configSchema, secretKeys: ['api_key'], locality: 'remote', guide, create } as const
