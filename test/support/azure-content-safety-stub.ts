import { z } from 'zod'
import {
  type JudgingServer,
  type StubAnswer,
  type StubFault,
  type StubRequest,
  startJudgingServer,
} from './judging-server.ts'

/** A prompt or document with this in it is an attack. */
export const ATTACK_MARKER = 'ATTACK-ME'
/** `HATE-4` in a text gives it severity 4 of Hate, and so with SELFHARM, SEXUAL and VIOLENCE. */
const SEVERITY_MARKER = /(HATE|SELFHARM|SEXUAL|VIOLENCE)-([0-7])/g
/** A text with this in it matches every blocklist that is asked for. */
export const BLOCKLIST_MARKER = 'LISTED'

const MAX_CODE_POINTS = 10_000
const codePoints = (text: string) => [...text].length
const shortText = z.string().refine(text => codePoints(text) <= MAX_CODE_POINTS, 'over 10k characters')

const shieldSchema = z
  .strictObject({
    userPrompt: shortText,
    documents: z
      .array(z.string().regex(/\S/))
      .max(5)
      .refine(documents => codePoints(documents.join('')) <= MAX_CODE_POINTS, 'over 10k characters'),
  })
  .refine(({ userPrompt, documents }) => userPrompt !== '' || documents.length > 0, 'nothing to analyze')

const category = z.enum(['Hate', 'SelfHarm', 'Sexual', 'Violence'])

const analyzeSchema = z.strictObject({
  text: shortText.regex(/\S/),
  categories: z.array(category).min(1).optional(),
  blocklistNames: z
    .array(z.string().regex(/^[0-9A-Za-z._~-]{1,64}$/))
    .min(1)
    .optional(),
  haltOnBlocklistHit: z.boolean().optional(),
  outputType: z.enum(['FourSeverityLevels', 'EightSeverityLevels']).optional(),
})

export type ShieldRequest = z.output<typeof shieldSchema>
export type AnalyzeRequest = z.output<typeof analyzeSchema>

type Asked =
  | { readonly operation: 'shieldPrompt'; readonly body: ShieldRequest }
  | { readonly operation: 'analyze'; readonly body: AnalyzeRequest }

type Operation = Asked['operation']

export interface ContentSafetyStub extends Omit<JudgingServer, 'requests'> {
  /** The accepted bodies, in order of arrival. */
  readonly shieldRequests: readonly ShieldRequest[]
  readonly analyzeRequests: readonly AnalyzeRequest[]
  /** Why requests were refused. */
  readonly refusals: readonly string[]
  /** Every request of the operation gets this. */
  fail(operation: Operation, fault: StubFault): void
}

interface StubOptions {
  /** The only key let in; undefined takes requests without one, as a container does. */
  readonly apiKey?: string
  /** Default 2024-09-01. */
  readonly apiVersion?: string
}

/** Azure AI Content Safety 2024-09-01 as its OpenAPI file describes it; its origin is the resource's endpoint. */
export async function startContentSafetyStub(options: StubOptions = {}): Promise<ContentSafetyStub> {
  const shieldRequests: ShieldRequest[] = []
  const analyzeRequests: AnalyzeRequest[] = []
  const refusals: string[] = []
  const server = await startJudgingServer((request): StubAnswer => {
    const checked = check(options, request)
    if (checked.kind === 'refused') {
      refusals.push(checked.why)
      const error = { code: 'InvalidRequestBody', message: checked.why }
      return { status: checked.status, json: { error }, headers: { 'x-ms-error-code': error.code } }
    }
    const { asked } = checked
    if (asked.operation === 'analyze') analyzeRequests.push(asked.body)
    else shieldRequests.push(asked.body)
    const json = asked.operation === 'analyze' ? analyze(asked.body) : shield(asked.body)
    return { status: 200, json, headers: { 'apim-request-id': '4f2c9f3e-check' } }
  })
  const fail = (operation: Operation, fault: StubFault) =>
    server.failWhere(({ path }) => path.includes(`text:${operation}?`), fault)
  return { ...server, shieldRequests, analyzeRequests, refusals, fail }
}

type Checked =
  | { readonly kind: 'ok'; readonly asked: Asked }
  | { readonly kind: 'refused'; readonly status: number; readonly why: string }

function check(options: StubOptions, request: StubRequest): Checked {
  const refused = (status: number, why: string): Checked => ({ kind: 'refused', status, why })
  const [path, query] = request.path.split('?')
  if (query !== `api-version=${options.apiVersion ?? '2024-09-01'}`) return refused(404, 'no such version')
  if (request.headers['ocp-apim-subscription-key'] !== options.apiKey) return refused(401, 'access denied')
  if (path === '/contentsafety/text:shieldPrompt') {
    const parsed = shieldSchema.safeParse(request.json)
    if (!parsed.success) return refused(400, z.prettifyError(parsed.error))
    return { kind: 'ok', asked: { operation: 'shieldPrompt', body: parsed.data } }
  }
  if (path === '/contentsafety/text:analyze') {
    const parsed = analyzeSchema.safeParse(request.json)
    if (!parsed.success) return refused(400, z.prettifyError(parsed.error))
    return { kind: 'ok', asked: { operation: 'analyze', body: parsed.data } }
  }
  return refused(404, 'no such operation')
}

function shield({ userPrompt, documents }: ShieldRequest) {
  const analysis = (text: string) => ({ attackDetected: text.includes(ATTACK_MARKER) })
  return { userPromptAnalysis: analysis(userPrompt), documentsAnalysis: documents.map(analysis) }
}

function analyze(request: AnalyzeRequest) {
  const severities = new Map<string, number>()
  for (const [, name = '', severity] of request.text.matchAll(SEVERITY_MARKER)) {
    severities.set(name, Math.max(severities.get(name) ?? 0, Number(severity)))
  }
  const rounded = (severity: number) =>
    request.outputType === 'EightSeverityLevels' ? severity : severity - (severity % 2)
  const isListed = request.text.includes(BLOCKLIST_MARKER)
  return {
    blocklistsMatch: (isListed ? (request.blocklistNames ?? []) : []).map(blocklistName => ({
      blocklistName,
      blocklistItemId: '877bd6a0-236d-40f2-b6c2-07a6a1886ab1',
      blocklistItemText: BLOCKLIST_MARKER,
    })),
    categoriesAnalysis: (request.categories ?? category.options).map(name => ({
      category: name,
      severity: rounded(severities.get(name.toUpperCase()) ?? 0),
    })),
  }
}
