import { assertNever, WeirError } from '../../errors.ts'
import type { PostJson } from '../../service/http-client.ts'
import { keyHeader } from '../../service/service-config.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { askAll, batchesOf } from '../pieces.ts'
import { agentgateway } from './agentgateway.ts'
import { configSchema, keyHeaderOf, maxCharsOf, type WebhookConfig } from './config.ts'
import type { Dialect } from './dialect.ts'
import { generic } from './generic.ts'
import { guide } from './guide.ts'
import { sendable } from './headers.ts'
import { litellm } from './litellm.ts'
import { portkey } from './portkey.ts'
import { template } from './template.ts'

function create(name: string, config: WebhookConfig, deps: { readonly postJson: PostJson }): RemoteGuardrail {
  const maxChars = maxCharsOf(config)
  const dialect = dialectOf(name, config, maxChars)
  const headers = {
    ...sendable(name, config.headers ?? {}),
    ...keyHeader(name, keyHeaderOf(config), config.api_key),
  }
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    async scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
      return askAll(batchesOf(subject.segments, maxChars), async batch => {
        const { url, body } = dialect.question(batch, subject)
        const answer = await deps.postJson({
          url,
          headers,
          body,
          signal,
          // A dialect may send the texts back, with escapes up to six bytes a character.
          maxResponseBytes: 1024 * 1024 + 6 * maxChars,
        })
        return dialect.verdict(answer.json, batch, subject.side)
      })
    },
  }
}

function dialectOf(name: string, config: WebhookConfig, maxChars: number): Dialect {
  const { dialect, url, params = {}, request, response } = config
  switch (dialect) {
    case 'generic':
      return generic(url)
    case 'agentgateway':
      return agentgateway(url)
    case 'litellm':
      return litellm(url, params)
    case 'portkey':
      return portkey(url, maxChars)
    case 'template':
      if (request === undefined || response === undefined) {
        throw new WeirError('bad-config', `guardrail ${name}: dialect template needs request and response`)
      }
      return template(url, request, response, maxChars)
    default:
      return assertNever(dialect)
  }
}

/** Guard services that speak one of the webhook dialects of other gateways, or JSON that the config describes. */
export const webhook = {
  configSchema,
  secretKeys: ['api_key', 'headers.*'],
  locality: 'remote',
  guide,
  create,
} as const
