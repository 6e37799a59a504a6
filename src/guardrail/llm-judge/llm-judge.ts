import type { PostJson } from '../../service/http-client.ts'
import { keyHeader } from '../../service/service-config.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { askAll, batchesOf } from '../pieces.ts'
import { configSchema, type LlmJudgeConfig } from './config.ts'
import { guide } from './guide.ts'
import { DEFAULT_PROMPT, judgeMessages } from './request.ts'
import { verdictShape } from './verdict.ts'

function create(
  name: string,
  config: LlmJudgeConfig,
  deps: { readonly postJson: PostJson },
): RemoteGuardrail {
  const headers = keyHeader(name, config.api_key_header, config.api_key)
  const shape = verdictShape(config.categories)
  const { prompt = DEFAULT_PROMPT, categories, max_chars: maxChars } = config
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    async scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
      return askAll(batchesOf(subject.segments, maxChars), async batch => {
        const answer = await deps.postJson({
          url: config.endpoint,
          headers,
          body: {
            model: config.model,
            messages: judgeMessages(prompt, categories, batch, subject, maxChars),
            temperature: 0,
            response_format: shape.responseFormat,
          },
          signal,
        })
        return shape.read(answer.json, config.threshold)
      })
    },
  }
}

/** Asks a language model by a prompt; its verdict is JSON or it is none. */
export const llmJudge = { configSchema, secretKeys: ['api_key'], locality: 'remote', guide, create } as const
