import { z } from 'zod'
import type { FailureReason, Finding, RemoteGuardrail, ScanSubject, Verdict } from '../guardrail.ts'
import { failureReason as reasonOf } from '../guardrail.ts'
import type { JsonAnswer, PostJson } from '../http-client.ts'
import { authorization } from './authorization.ts'
import type { GuardrailRequest } from './content.ts'
import { guardrailRequests } from './content.ts'
import { bedrockVerdict } from './verdict.ts'

/** Longer than this and a timer fires at once. */
const MAX_TIMEOUT_MS = 2_147_483_647
const CHARS_PER_TEXT_UNIT = 1000

const secret = z.string().min(1).optional()

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
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,32}$/)
      .describe('The region that the guardrail lives in; signatures name it as well.'),
    endpoint: z
      .url({ protocol: /^https?$/ })
      .refine(isPlainUrl, 'must have no credentials, query or fragment')
      .optional()
      .describe('Scheme and host, for VPC endpoints and proxies. Default: the region’s own.'),
    api_key: secret.describe('A Bedrock API key. Either this or an access key.'),
    access_key_id: secret.describe('Requests are signed with AWS Signature Version 4.'),
    secret_access_key: secret.describe('Belongs to access_key_id.'),
    session_token: secret.describe('For temporary access keys, which are not renewed.'),
    grounding: z
      .enum(['off', 'conversation'])
      .default('off')
      .describe(
        'conversation: answers are judged for contextual grounding, by system texts and tool results as source ' +
          '(at most 100000 characters) and the last user message as query (at most 1000); over that: over-limit.',
      ),
    max_text_units: z
      .int()
      .min(1)
      .max(1000)
      .default(25)
      .describe('Of 1000 characters, in one request. Longer texts are split; an account may allow more.'),
    timeout: z.int().min(1).max(MAX_TIMEOUT_MS).default(5000).describe('Milliseconds for one whole scan.'),
    ssl_verify: z.boolean().default(true).describe('false accepts any certificate.'),
  })
  .refine(hasOneCredential, {
    message: 'needs either api_key, or access_key_id and secret_access_key',
    path: ['api_key'],
  })

export type BedrockConfig = z.output<typeof configSchema>

function isPlainUrl(url: string): boolean {
  const parsed = URL.parse(url)
  return parsed !== null && `${parsed.username}${parsed.password}${parsed.search}${parsed.hash}` === ''
}

function hasOneCredential(config: {
  readonly api_key?: string | undefined
  readonly access_key_id?: string | undefined
  readonly secret_access_key?: string | undefined
  readonly session_token?: string | undefined
}): boolean {
  const { api_key, access_key_id, secret_access_key, session_token } = config
  const keyParts = [access_key_id, secret_access_key, session_token].filter(part => part !== undefined)
  return api_key === undefined
    ? access_key_id !== undefined && secret_access_key !== undefined
    : keyParts.length === 0
}

function create(name: string, config: BedrockConfig, deps: { readonly postJson: PostJson }): RemoteGuardrail {
  const url = applyUrl(config)
  const authorize = authorization(name, config, config.region, url)
  const limits = { grounding: config.grounding, maxChars: config.max_text_units * CHARS_PER_TEXT_UNIT }

  async function ask({ pieces, body }: GuardrailRequest, signal: AbortSignal): Promise<Verdict> {
    const answer = await deps.postJson({
      url: url.href,
      headers: {},
      body,
      signal,
      tls: config.ssl_verify ? 'verified' : 'unverified',
      signBody: authorize,
      readError: failureReason,
    })
    return bedrockVerdict(answer.json, pieces, requestId(answer))
  }

  return {
    name,
    locality: 'remote',
    timeoutMs: config.timeout,
    async scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
      const requests = guardrailRequests(subject, limits)
      return together(await Promise.allSettled(requests.map(request => ask(request, signal))))
    },
  }
}

/** The id may be an ARN, whose colons and slash are one path segment's text. */
function applyUrl({ endpoint, region, guardrail_id, guardrail_version }: BedrockConfig): URL {
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  const base = (endpoint ?? `https://bedrock-runtime.${region}.${suffix}`).replace(/\/+$/, '')
  return new URL(`${base}/guardrail/${encodeURIComponent(guardrail_id)}/version/${guardrail_version}/apply`)
}

/**
 * A text over the service's limit is answered like too many requests, with status 429; only the message says
 * "Input text size (N text units) exceeds the maximum allowed". Asking again later would not help.
 */
function failureReason(_status: number, body: string): FailureReason | undefined {
  return /text units?\b/i.test(body) && /exceed/i.test(body) ? 'over-limit' : undefined
}

function requestId({ headers }: JsonAnswer): string | undefined {
  const id = headers['x-amzn-requestid']
  return typeof id === 'string' && /^[\w-]{1,128}$/.test(id) ? id : undefined
}

/**
 * One verdict of all requests. What one flagged is flagged whatever became of the others, which then count as a
 * finding without a span: a failure that is forgiven must not let the flagged text go with it.
 */
function together(answers: readonly PromiseSettledResult<Verdict>[]): Verdict {
  const verdicts = answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
  const failures = answers.flatMap(answer => (answer.status === 'rejected' ? [answer.reason] : []))
  const flagged = verdicts.filter(verdict => verdict.kind === 'flagged')
  const [first] = flagged
  if (first === undefined) {
    if (failures.length > 0) throw failures[0]
    return { kind: 'clean', requestId: verdicts[0]?.requestId }
  }
  const findings = flagged.flatMap(verdict => verdict.findings)
  if (failures.length > 0) findings.push({ detector: 'bedrock/incomplete' })
  const incomplete = failures.length > 0 ? reasonOf(failures[0]) : undefined
  return { kind: 'flagged', findings: eachOnce(findings), requestId: first.requestId, incomplete }
}

/** Pieces overlap, so that the same text may be found twice. */
function eachOnce(findings: readonly Finding[]): readonly Finding[] {
  const found = new Map<string, Finding>()
  for (const finding of findings) {
    const { detector, level, span } = finding
    found.set(`${detector} ${level} ${span?.segment} ${span?.start} ${span?.end}`, finding)
  }
  return [...found.values()]
}

/** Amazon Bedrock Guardrails, `ApplyGuardrail`: judges texts by the policies of a guardrail of the account. */
export const bedrock = {
  configSchema,
  secretKeys: ['api_key', 'access_key_id', 'secret_access_key', 'session_token'],
  locality: 'remote',
  create,
} as const
