import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { type AwsAuth, awsAuthRefusal, awsError } from './aws-auth.ts'
import { type ServiceStub, type StubAnswer, type StubRequest, startJudgingServer } from './judging-server.ts'

const requestSchema = z.strictObject({
  source: z.enum(['INPUT', 'OUTPUT']),
  content: z
    .array(
      z.strictObject({
        text: z.strictObject({
          text: z.string().regex(/\S/),
          qualifiers: z.array(z.enum(['grounding_source', 'query', 'guard_content'])).optional(),
        }),
      }),
    )
    .min(1),
  outputScope: z.enum(['INTERVENTIONS', 'FULL']).optional(),
})

export type BedrockStubRequest = z.output<typeof requestSchema>

export interface BedrockStubOptions {
  readonly auth: AwsAuth
  readonly region?: string
  /** As in the path, decoded. */
  readonly guardrail?: string
  readonly version?: string
  readonly maxTextUnits?: number
}

/** Its origin is the `endpoint` of the config. */
export interface BedrockStub extends ServiceStub<BedrockStubRequest> {
  /** Why requests were refused, in order. */
  readonly refusals: readonly string[]
  /** From now on these are let in, and no others. */
  accept(auth: AwsAuth): void
}

/** ApplyGuardrail as its reference and the SDK's model describe it, on a free port of 127.0.0.1, and as strict. */
export async function startBedrockStub(options: BedrockStubOptions): Promise<BedrockStub> {
  const requests: BedrockStubRequest[] = []
  const refusals: string[] = []
  let { auth } = options
  const server = await startJudgingServer((request): StubAnswer => {
    const checked = check({ ...options, auth }, request)
    if (checked.kind === 'ok') {
      requests.push(checked.request)
      return { status: 200, json: judge(checked.request), headers: { 'x-amzn-requestid': randomUUID() } }
    }
    refusals.push(checked.message)
    return awsError(checked.status, checked.type, checked.message)
  })
  const accept = (accepted: AwsAuth): void => {
    auth = accepted
  }
  return { ...server, requests, refusals, accept }
}

type Checked =
  | { readonly kind: 'ok'; readonly request: BedrockStubRequest }
  | { readonly kind: 'refused'; readonly status: number; readonly type: string; readonly message: string }

function check(options: BedrockStubOptions, { path, headers, body, json }: StubRequest): Checked {
  const { auth, guardrail = 'gr1', version = '1', region = 'eu-west-1', maxTextUnits = 25 } = options
  const refused = (status: number, type: string, message: string): Checked => ({
    kind: 'refused',
    status,
    type,
    message,
  })
  if (path !== `/guardrail/${encodeURIComponent(guardrail)}/version/${version}/apply`)
    return refused(404, 'ResourceNotFoundException', `no such path ${path}`)
  const denied = awsAuthRefusal(auth, { method: 'POST', url: path, headers }, body, `${region}/bedrock`)
  if (denied !== undefined) return refused(403, denied.type, denied.message)
  const parsed = requestSchema.safeParse(json)
  if (!parsed.success) return refused(400, 'ValidationException', z.prettifyError(parsed.error))
  const guarded = parsed.data.content.filter(isGuarded)
  const units = Math.ceil(guarded.reduce((sum, { text }) => sum + [...text.text].length, 0) / 1000)
  if (units > maxTextUnits) return refused(429, 'ThrottlingException', tooLarge(units, maxTextUnits))
  return { kind: 'ok', request: parsed.data }
}

/** As the service words it. */
export function tooLarge(units: number, max: number): string {
  return `Input text size (${units} text units) exceeds the maximum allowed (${max} text units) for the content filter policy (Classic tier).`
}

function isGuarded({ text: { qualifiers } }: BedrockStubRequest['content'][number]): boolean {
  return qualifiers === undefined || qualifiers.includes('guard_content')
}

/** A text with the marker is blocked by the content filter of this type. */
export const FILTERS = {
  'ATTACK-ME': 'PROMPT_ATTACK',
  'HATE-ME': 'HATE',
  'INSULT-ME': 'INSULTS',
  'SEX-ME': 'SEXUAL',
  'VIOLENCE-ME': 'VIOLENCE',
  'MISCONDUCT-ME': 'MISCONDUCT',
} as const

/** E-mail addresses and `acct-1234` are anonymised, 078-05-1120 is blocked, WATCH-ME is only watched. */
function judge(request: BedrockStubRequest) {
  const texts = request.content.filter(isGuarded).map(({ text }) => text.text)
  const all = texts.join('\n')
  const found = (pattern: RegExp, entry: object) =>
    [...new Set(all.match(pattern))].map(match => ({ match, ...entry }))
  const blocked = { action: 'BLOCKED', detected: true }
  const masked = { action: 'ANONYMIZED', detected: true }
  // Only the whole scope tells of filters that found nothing.
  const idle = { confidence: 'NONE', filterStrength: 'LOW', action: 'NONE', detected: false }
  const filters = Object.entries(FILTERS).flatMap(([marker, type]) => {
    if (all.includes(marker)) return [{ type, confidence: 'HIGH', filterStrength: 'LOW', ...blocked }]
    return request.outputScope === 'FULL' ? [{ type, ...idle }] : []
  })
  const watched = all.includes('WATCH-ME')
    ? [{ type: 'VIOLENCE', confidence: 'LOW', filterStrength: 'LOW', action: 'NONE', detected: true }]
    : []
  const assessment = {
    topicPolicy: all.includes('TOPIC-ME')
      ? { topics: [{ name: 'Investing Advice', type: 'DENY', ...blocked }] }
      : null,
    contentPolicy: { filters: [...filters, ...watched] },
    wordPolicy: {
      customWords: found(/WORD-ME/g, blocked),
      managedWordLists: found(/SWEAR-ME/g, { type: 'PROFANITY', ...blocked }),
    },
    sensitiveInformationPolicy: {
      piiEntities: [
        ...found(EMAIL, { type: 'EMAIL', ...masked }),
        ...found(/078-05-1120/g, { type: 'US_SOCIAL_SECURITY_NUMBER', ...blocked }),
      ],
      regexes: found(ACCOUNT, { name: 'Account No', regex: ACCOUNT.source, ...masked }),
    },
    contextualGroundingPolicy: groundingOf(request, all),
    invocationMetrics: { guardrailProcessingLatency: 180 },
  }
  const actions: unknown[] = JSON.stringify(assessment).match(/"action":"[A-Z]+"/g) ?? []
  const isBlocked = actions.includes('"action":"BLOCKED"')
  const isMasked = actions.includes('"action":"ANONYMIZED"')
  const outputs = isBlocked
    ? [{ text: 'Sorry, the guardrail blocked this.' }]
    : texts.map(text => ({ text: text.replace(EMAIL, '{EMAIL}').replace(ACCOUNT, '{Account No}') }))
  return {
    action: isBlocked || isMasked ? 'GUARDRAIL_INTERVENED' : 'NONE',
    actionReason: isBlocked ? 'Guardrail blocked.' : null,
    outputs: isBlocked || isMasked ? outputs : [],
    assessments: [assessment],
    usage: { topicPolicyUnits: 1 },
    guardrailCoverage: { textCharacters: { guarded: all.length, total: all.length } },
  }
}

const EMAIL = /[a-z.]{1,30}@[a-z.]{1,30}[a-z]/g
const ACCOUNT = /acct-\d+/g

/** Judged only when there is a source and a query, as the service does. */
function groundingOf({ content }: BedrockStubRequest, all: string) {
  const has = (qualifier: 'grounding_source' | 'query') =>
    content.some(({ text }) => text.qualifiers?.includes(qualifier))
  if (!has('grounding_source') || !has('query')) return null
  const filter = (type: string, marker: string) =>
    all.includes(marker)
      ? { type, threshold: 0.7, score: 0.2, action: 'BLOCKED', detected: true }
      : { type, threshold: 0.7, score: 0.9, action: 'NONE', detected: false }
  return { filters: [filter('GROUNDING', 'INVENTED'), filter('RELEVANCE', 'OFF-TOPIC')] }
}
