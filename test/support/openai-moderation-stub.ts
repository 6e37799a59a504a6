import { z } from 'zod'
import { type ServiceStub, type StubAnswer, type StubRequest, startJudgingServer } from './judging-server.ts'

/** An input with this in it is flagged as hate, with score 0.9. */
export const HATE_MARKER = 'HATE-ME'
/** An input with this in it has violence at score 0.6, which the service itself does not flag. */
export const VIOLENCE_MARKER = 'VIOLENCE-ME'

/** The documented keys and nothing else. A blank input is refused, and one that the model would clip as well. */
const requestSchema = z.strictObject({
  model: z.enum(['omni-moderation-latest', 'omni-moderation-2024-09-26']),
  input: z.array(z.string().regex(/\S/)).min(1),
})

export type ModerationStubRequest = z.output<typeof requestSchema>

export interface ModerationStub extends ServiceStub<ModerationStubRequest> {
  /** The whole endpoint URL, path included. */
  readonly url: string
  /** Why requests were refused. */
  readonly refusals: readonly string[]
}

/** `POST /v1/moderations` as its reference describes it; without a key it takes none. */
export async function startModerationStub(apiKey?: string): Promise<ModerationStub> {
  const requests: ModerationStubRequest[] = []
  const refusals: string[] = []
  const server = await startJudgingServer(request => {
    const checked = check(apiKey, request)
    if (checked.kind === 'ok') {
      requests.push(checked.request)
      return { status: 200, json: judge(checked.request) }
    }
    refusals.push(checked.why)
    return refusal(checked.status, checked.why)
  })
  return { ...server, url: `${server.origin}/v1/moderations`, requests, refusals }
}

function refusal(status: number, message: string): StubAnswer {
  return { status, json: { error: { message, type: 'invalid_request_error', param: null, code: null } } }
}

type Checked =
  | { readonly kind: 'ok'; readonly request: ModerationStubRequest }
  | { readonly kind: 'refused'; readonly status: number; readonly why: string }

function check(apiKey: string | undefined, { path, headers, json }: StubRequest): Checked {
  const refused = (status: number, why: string): Checked => ({ kind: 'refused', status, why })
  if (path !== '/v1/moderations') return refused(404, 'no such operation')
  const expected = apiKey === undefined ? undefined : `Bearer ${apiKey}`
  if (headers.authorization !== expected) return refused(401, 'Incorrect API key provided')
  const parsed = requestSchema.safeParse(json)
  if (!parsed.success) return refused(400, z.prettifyError(parsed.error))
  // The worst case of its tokenizer: one token a byte. The real one would clip without a word.
  const bytes = parsed.data.input.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > 32_768) return refused(400, 'the input may be clipped')
  return { kind: 'ok', request: parsed.data }
}

/** The categories with their scores, every one of them, as the service answers. */
export function moderationResult(scores: Readonly<Record<string, number>> = {}) {
  const names = [
    'harassment',
    'harassment/threatening',
    'hate',
    'hate/threatening',
    'illicit',
    'illicit/violent',
    'self-harm',
    'self-harm/instructions',
    'self-harm/intent',
    'sexual',
    'sexual/minors',
    'violence',
    'violence/graphic',
  ]
  const all = names.map(name => [name, scores[name] ?? 0.0001] as const)
  return {
    flagged: all.some(([, score]) => score > 0.8),
    categories: Object.fromEntries(all.map(([name, score]) => [name, score > 0.8])),
    category_scores: Object.fromEntries(all),
    category_applied_input_types: Object.fromEntries(all.map(([name]) => [name, ['text']])),
  }
}

function judge({ model, input }: ModerationStubRequest) {
  const results = input.map(text =>
    moderationResult({
      hate: text.includes(HATE_MARKER) ? 0.9 : 0.0001,
      violence: text.includes(VIOLENCE_MARKER) ? 0.6 : 0.0001,
    }),
  )
  return { id: 'modr-0001', model, results }
}
