import { z } from 'zod'
import { type JudgingServer, startJudgingServer } from './judging-server.ts'

const judgeRequestSchema = z.strictObject({
  model: z.string().min(1),
  messages: z.tuple([
    z.strictObject({ role: z.literal('system'), content: z.string().min(1) }),
    z.strictObject({ role: z.literal('user'), content: z.string().min(1) }),
  ]),
  temperature: z.literal(0),
  response_format: z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: z.string().regex(/^[\w-]{1,64}$/),
      strict: z.literal(true),
      // Strict structured outputs want every property required and nothing else let in.
      schema: z.strictObject({
        type: z.literal('object'),
        properties: z.strictObject({
          categories: z.strictObject({
            type: z.literal('array'),
            items: z.strictObject({ type: z.literal('string'), enum: z.array(z.string()).min(1) }),
          }),
          score: z.strictObject({ type: z.literal('number') }),
        }),
        required: z.tuple([z.literal('categories'), z.literal('score')]),
        additionalProperties: z.literal(false),
      }),
    }),
  }),
})

const documentSchema = z.strictObject({
  side: z.enum(['input', 'output']),
  asked: z.array(z.strictObject({ role: z.string(), text: z.string() })).optional(),
  judged: z.array(z.strictObject({ role: z.string(), text: z.string().regex(/\S/) })).min(1),
})

export type JudgedDocument = z.output<typeof documentSchema>

/** The document between the delimiters of a request that the endpoint takes. */
export function judgedDocument(json: unknown): JudgedDocument {
  const [, user] = judgeRequestSchema.parse(json).messages
  const block = /^<data>\n([^<>]*)\n<\/data>$/.exec(user.content)
  return documentSchema.parse(JSON.parse(block?.[1] ?? ''))
}

/** A chat completion as OpenAI's API answers it. */
export function completion(content: string | null, more: object = {}): object {
  return {
    id: 'chatcmpl-9',
    object: 'chat.completion',
    created: 1,
    model: 'judge-1',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
        ...more,
      },
    ],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }
}

/** Judges FLAG-ME as a certain attack and MAYBE-ME as one of score 0.4, as a model would that does as it was told. */
export function startLlmJudgeStub(apiKey?: string): Promise<JudgingServer> {
  const expected = apiKey === undefined ? undefined : `Bearer ${apiKey}`
  return startJudgingServer(({ path, headers, json }) => {
    if (path !== '/v1/chat/completions') return { status: 404, json: { error: { message: 'no such path' } } }
    if (headers.authorization !== expected) return { status: 401, json: { error: { message: 'wrong key' } } }
    if (!judgeRequestSchema.safeParse(json).success)
      return { status: 400, json: { error: { message: 'bad request' } } }
    const texts = judgedDocument(json).judged.map(({ text }) => text)
    const said = (marker: string) => texts.some(text => text.includes(marker))
    const score = said('FLAG-ME') ? 0.97 : said('MAYBE-ME') ? 0.4 : 0
    const categories = score > 0 ? ['prompt_attack'] : []
    return { status: 200, json: completion(JSON.stringify({ categories, score })) }
  })
}
