import { z } from 'zod'
import { type ServiceStub, type StubAnswer, type StubRequest, startJudgingServer } from './judging-server.ts'

/** The keys of an AnalyzerRequest that Weir sends and nothing else; an empty text is the service's "No text provided". */
const requestSchema = z.strictObject({
  text: z.string().min(1),
  language: z.string().min(1),
  entities: z.array(z.string().min(1)).min(1).optional(),
  score_threshold: z.number().min(0).max(1).optional(),
})

export type PresidioStubRequest = z.output<typeof requestSchema>

/** Its origin is without `/analyze`. */
export type PresidioStub = ServiceStub<PresidioStubRequest>

/** Presidio's analyzer as app.py of presidio-analyzer has it. */
export async function startPresidioStub(): Promise<PresidioStub> {
  const requests: PresidioStubRequest[] = []
  const answer = ({ path, json }: StubRequest): StubAnswer => {
    if (path !== '/analyze') return { status: 404, json: { error: 'The requested URL was not found.' } }
    const parsed = requestSchema.safeParse(json)
    if (!parsed.success) return { status: 500, json: { error: z.prettifyError(parsed.error) } }
    if (parsed.data.language !== 'en') return { status: 500, json: { error: 'No matching recognizers.' } }
    requests.push(parsed.data)
    return { status: 200, json: judge(parsed.data) }
  }
  const server = await startJudgingServer(answer)
  return { ...server, requests }
}

/** What the pattern recognizers of Presidio find, and the scores that they give. */
const RECOGNIZERS = [
  { entity_type: 'EMAIL_ADDRESS', pattern: /[\w.]+@[\w.]+\.\w+/g, score: 1 },
  { entity_type: 'PHONE_NUMBER', pattern: /\d{3}-\d{3}-\d{4}/g, score: 0.75 },
  { entity_type: 'US_DRIVER_LICENSE', pattern: /\b[A-Z]\d{7}\b/g, score: 0.3 },
]

function judge({ text, entities, score_threshold = 0 }: PresidioStubRequest) {
  return RECOGNIZERS.filter(({ entity_type }) => entities?.includes(entity_type) ?? true)
    .filter(({ score }) => score >= score_threshold)
    .flatMap(({ entity_type, pattern, score }) =>
      [...text.matchAll(pattern)].map(match => ({
        analysis_explanation: null,
        end: codePoints(text.slice(0, match.index + match[0].length)),
        entity_type,
        score,
        start: codePoints(text.slice(0, match.index)),
      })),
    )
}

function codePoints(text: string): number {
  return [...text].length
}
