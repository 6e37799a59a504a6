import { z } from 'zod'
import { type AwsAuth, awsAuthRefusal, awsError } from './aws-auth.ts'
import { tooLarge } from './bedrock-guardrail-stub.ts'
import { type ServiceStub, type StubAnswer, type StubRequest, startJudgingServer } from './judging-server.ts'

const CONTENT = ['VIOLENCE', 'HATE', 'SEXUAL', 'MISCONDUCT', 'INSULTS'] as const
const ATTACKS = ['JAILBREAK', 'PROMPT_INJECTION', 'PROMPT_LEAKAGE'] as const

/** What the SDK's model and the user guide ask for; of the entities those that the stub finds. */
const requestSchema = z.strictObject({
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['user', 'assistant', 'system']),
        content: z
          .array(z.strictObject({ text: z.string().regex(/\S/) }))
          .min(1)
          .max(10),
      }),
    )
    .min(1),
  checks: z
    .strictObject({
      contentFilter: categories(CONTENT).optional(),
      promptAttack: categories(ATTACKS).optional(),
      sensitiveInformation: z
        .strictObject({ entities: z.array(z.strictObject({ type: z.enum(['EMAIL', 'NAME']) })).min(1) })
        .optional(),
    })
    .refine(checks => Object.keys(checks).length > 0, 'at least one check'),
})

function categories<const Names extends readonly string[]>(names: Names) {
  return z.strictObject({ categories: z.array(z.strictObject({ category: z.enum(names) })).min(1) })
}

export type ChecksStubRequest = z.output<typeof requestSchema>

/** Its origin is the `endpoint` of the config. */
export type ChecksStub = ServiceStub<ChecksStubRequest>

export interface ChecksStubOptions {
  readonly auth: AwsAuth
  readonly maxTextUnits?: number
  /** So many entities at most; past it an answer is `truncated`. */
  readonly maxEntities?: number
  /** What offsets count: the reference does not say. Default: UTF-16 units. */
  readonly unit?: 'utf-16' | 'code-point'
}

/** InvokeGuardrailChecks in eu-west-1. Requests with a mistake get the 400 of the service. */
export async function startChecksStub(options: ChecksStubOptions): Promise<ChecksStub> {
  const requests: ChecksStubRequest[] = []
  const answer = (request: StubRequest): StubAnswer => {
    const { path, headers, body, json } = request
    if (path !== '/guardrail-checks/invoke') return awsError(404, 'UnknownOperationException', 'no such path')
    const denied = awsAuthRefusal(
      options.auth,
      { method: 'POST', url: path, headers },
      body,
      'eu-west-1/bedrock',
    )
    if (denied !== undefined) return awsError(403, denied.type, denied.message)
    const parsed = requestSchema.safeParse(json)
    if (!parsed.success) return awsError(400, 'ValidationException', z.prettifyError(parsed.error))
    const texts = parsed.data.messages.flatMap(({ content }) => content.map(({ text }) => text))
    const units = Math.ceil(texts.reduce((sum, text) => sum + [...text].length, 0) / 1000)
    const { maxTextUnits = 25 } = options
    if (units > maxTextUnits) return awsError(429, 'ThrottlingException', tooLarge(units, maxTextUnits))
    requests.push(parsed.data)
    return { status: 200, json: judge(parsed.data, units, options), headers: { 'x-amzn-requestid': 'req-1' } }
  }
  const server = await startJudgingServer(answer)
  return { ...server, requests }
}

/** `HATE=0.8` in a text gives that category that score; without it 0. `Ms Doe` is a NAME, `maybe Bob` hardly one. */
function judge({ messages, checks }: ChecksStubRequest, textUnits: number, options: ChecksStubOptions) {
  const all = messages.flatMap(({ content }) => content.map(({ text }) => text)).join('\n')
  const severities = (asked: readonly { readonly category: string }[] | undefined) =>
    asked && {
      results: asked.map(({ category }) => ({
        category,
        severityScore: Math.max(
          0,
          ...[...all.matchAll(new RegExp(`${category}=([\\d.]+\\d)`, 'g'))].map(m => Number(m[1])),
        ),
      })),
    }
  const { contentFilter, promptAttack, sensitiveInformation } = checks
  const asked = sensitiveInformation?.entities.map(({ type }) => type)
  const { maxEntities = 100 } = options
  const found = asked && entitiesIn(messages, options.unit).filter(({ type }) => asked.includes(type))
  return {
    results: {
      contentFilter: severities(contentFilter?.categories),
      promptAttack: severities(promptAttack?.categories),
      sensitiveInformation: found && {
        results: found.slice(0, maxEntities),
        truncated: found.length > maxEntities,
      },
    },
    usage: Object.fromEntries(Object.keys(checks).map(check => [check, { textUnits }])),
  }
}

const PATTERNS = [
  { type: 'EMAIL', pattern: /[a-z.]{1,30}@[a-z.]{1,30}[a-z]/g, confidenceScore: 0.8 },
  { type: 'NAME', pattern: /M[rs] [A-Z][a-z]+/g, confidenceScore: 0.8 },
  { type: 'NAME', pattern: /maybe Bob/g, confidenceScore: 0.2 },
] as const

function entitiesIn(messages: ChecksStubRequest['messages'], unit: ChecksStubOptions['unit']) {
  const count = (text: string) => (unit === 'code-point' ? [...text].length : text.length)
  return messages.flatMap(({ content }, messageIndex) =>
    content.flatMap(({ text }, contentIndex) =>
      PATTERNS.flatMap(({ type, pattern, confidenceScore }) =>
        Array.from(text.matchAll(pattern), match => ({
          type,
          confidenceScore,
          messageIndex,
          contentIndex,
          beginOffset: count(text.slice(0, match.index)),
          endOffset: count(text.slice(0, match.index + match[0].length)),
        })),
      ),
    ),
  )
}
