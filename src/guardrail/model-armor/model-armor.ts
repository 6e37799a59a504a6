import { WeirError } from '../../errors.ts'
import type { PostJson } from '../../service/http-client.ts'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { askAll, batchesOf } from '../pieces.ts'
import { configSchema, type ModelArmorConfig } from './config.ts'
import { guide } from './guide.ts'
import { MAX_CHARS, sanitizeRequest } from './request.ts'
import { modelArmorVerdict } from './verdict.ts'

/** An answer may repeat the whole text, its sensitive data replaced. */
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024

function create(
  name: string,
  config: ModelArmorConfig,
  deps: { readonly postJson: PostJson },
): RemoteGuardrail {
  const { project, location, template } = config
  const base = (config.endpoint ?? `https://modelarmor.${location}.rep.googleapis.com`).replace(/\/+$/, '')
  const resource = `${base}/v1/projects/${project}/locations/${location}/templates/${template}`
  const headers = authorization(name, config)
  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    async scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
      // Every prompt is judged by itself and every call counts against a quota: the texts go together.
      return askAll(batchesOf(subject.segments, MAX_CHARS), async batch => {
        const { method, body } = sanitizeRequest(subject, batch)
        const answer = await deps.postJson({
          url: `${resource}:${method}`,
          headers,
          body,
          signal,
          maxResponseBytes: MAX_RESPONSE_BYTES,
        })
        return modelArmorVerdict(answer.json, batch)
      })
    },
  }
}

/** A token that no header can carry would fail every scan, and so would none at Google itself: better at the start. */
function authorization(
  name: string,
  { access_token, endpoint }: ModelArmorConfig,
): Readonly<Record<string, string>> {
  if (access_token === undefined) {
    if (endpoint === undefined) throw badToken(name, 'is missing: Google takes no request without one')
    return {}
  }
  if (!/^[\x21-\x7e]+$/.test(access_token))
    throw badToken(name, 'holds a space, line break or non-ASCII character')
  return { authorization: `Bearer ${access_token}` }
}

function badToken(name: string, message: string): WeirError {
  const problem = { path: `guardrails.${name}.access_token`, message }
  return new WeirError('bad-config', `guardrail ${name}: the access_token ${message}`, {
    problems: [problem],
  })
}

/** Google Cloud Model Armor, `:sanitizeUserPrompt` for requests and `:sanitizeModelResponse` for answers. */
export const modelArmor = {
  configSchema,
  secretKeys: ['access_token'],
  locality: 'remote',
  guide,
  create,
} as const
