import { GuardrailFailure } from '../guardrail/guardrail.ts'
import type { JsonAnswer, PostJson } from '../service/http-client.ts'
import type { BedrockAccess } from './config.ts'
import { checkHeaderKeys } from './config.ts'
import type { AwsKeySource, AwsKeys } from './keys.ts'
import { fetchedKeys, fixedKeys } from './keys.ts'
import type { AwsRefusal } from './refusal.ts'
import { awsRefusal, REFUSAL_MESSAGES } from './refusal.ts'
import { keysFromSdk } from './sdk-keys.ts'
import { signatureHeaders } from './signature.ts'

/** The service's name in signatures, which is not the first label of its host. */
const SIGNING_NAME = 'bedrock'
/** A masked answer repeats all texts: up to a million characters, of several bytes each. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024

export interface BedrockAnswer {
  readonly json: unknown
  readonly requestId: string | undefined
}

/**
 * Posts to one path of the Bedrock runtime, authorized. Throws GuardrailFailure as the HTTP client does, and
 * `over-limit` for a text that the service finds too large, `unreachable` without credentials, and `bad-response` with
 * a message that says so when AWS does not believe who asks.
 */
export type AskBedrock = (body: unknown, signal: AbortSignal) => Promise<BedrockAnswer>

/** `path` is sent as it is, percent-encoded. Throws WeirError `bad-config` for a key that fits no header. */
export function openBedrock(
  name: string,
  access: BedrockAccess,
  path: string,
  postJson: PostJson,
): AskBedrock {
  checkHeaderKeys(name, access)
  const url = runtimeUrl(access, path)
  const { api_key: apiKey, region } = access
  const source = apiKey === undefined ? keySource(access) : undefined
  const headers: Readonly<Record<string, string>> =
    apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }

  return async (body, signal) => {
    let signedBy: AwsKeys | undefined
    let refusal: AwsRefusal | undefined
    const sign = async (bytes: string) => {
      if (source === undefined) return {}
      signedBy = await source.current(signal)
      return signatureHeaders(signedBy, { url, region, service: SIGNING_NAME, body: bytes })
    }
    try {
      const answer = await postJson({
        url: url.href,
        headers,
        body,
        signal,
        maxResponseBytes: MAX_RESPONSE_BYTES,
        signBody: sign,
        readError: (status, text, errorHeaders) => {
          refusal = awsRefusal({ status, headers: errorHeaders, body: text })
          return isTooLarge(text) ? 'over-limit' : undefined
        },
      })
      return { json: answer.json, requestId: requestId(answer) }
    } catch (error) {
      if (refusal === undefined) throw error
      if (signedBy !== undefined) source?.refused(signedBy)
      throw new GuardrailFailure('bad-response', REFUSAL_MESSAGES[refusal], { detail: 'status-4xx' })
    }
  }
}

function runtimeUrl({ endpoint, region }: BedrockAccess, path: string): URL {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  const base = (endpoint ?? `https://bedrock-runtime.${region}.${suffix}`).replace(/\/+$/, '')
  return new URL(`${base}${path}`)
}

function keySource(access: BedrockAccess): AwsKeySource {
  const { credentials, profile, role_arn, role_session_name = 'weir', region } = access
  if (credentials !== undefined) {
    const identity = {
      source: credentials,
      profile,
      roleArn: role_arn,
      roleSessionName: role_session_name,
      region,
    }
    return fetchedKeys({ fetch: () => keysFromSdk(identity) })
  }
  const { access_key_id: accessKeyId = '', secret_access_key: secretAccessKey = '' } = access
  return fixedKeys({ accessKeyId, secretAccessKey, sessionToken: access.session_token })
}

/**
 * A text over the service's limit is answered like too many requests, with status 429; only the message says
 * "Input text size (N text units) exceeds the maximum allowed". Asking again later would not help.
 */
function isTooLarge(text: string): boolean {
  return /text units?\b/i.test(text) && /exceed/i.test(text)
}

function requestId({ headers }: JsonAnswer): string | undefined {
  const id = headers['x-amzn-requestid']
  return typeof id === 'string' && /^[\w-]{1,128}$/.test(id) ? id : undefined
}
