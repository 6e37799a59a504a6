import { z } from 'zod'
import type { Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import { nameOrUndefined } from '../names.ts'

/** A chat completion with one whole answer. Cut, refused or filtered ones hold no verdict. */
const completionSchema = z.object({
  id: z.unknown().optional(),
  choices: z.tuple([
    z.object({
      finish_reason: z.enum(['stop', 'eos', 'eos_token']).nullish(),
      message: z.object({ content: z.string(), refusal: z.literal('').nullish() }),
    }),
  ]),
})

/** What the judge must answer. */
export interface VerdictShape {
  /** For `response_format`: the subset of JSON Schema that strict structured outputs take. */
  readonly responseFormat: unknown
  /** Throws GuardrailFailure `bad-response` for whatever is not exactly the verdict that was asked for. */
  read(answer: unknown, threshold: number): Verdict
}

export function verdictShape(categories: readonly string[]): VerdictShape {
  const schema = z.strictObject({ categories: z.array(z.enum(categories)), score: z.number().min(0).max(1) })
  return {
    responseFormat: responseFormatOf(categories),
    read(answer, threshold) {
      const completion = completionSchema.safeParse(answer).data
      if (completion === undefined) throw bad('the answer is not a chat completion with one whole message')
      const verdict = schema.safeParse(parsed(completion.choices[0].message.content)).data
      if (verdict === undefined) throw bad('the judge did not answer with the verdict that was asked for')
      const requestId = nameOrUndefined(completion.id)
      const { score } = verdict
      if (score < threshold) return { kind: 'clean', requestId }
      const detectors = verdict.categories.length === 0 ? ['llm_judge'] : [...new Set(verdict.categories)]
      return {
        kind: 'flagged',
        findings: detectors.map(detector => ({ detector, score })),
        requestId,
        breakdown: [...new Set([...categories, ...detectors])].map(detector =>
          detectors.includes(detector) ? { detector, detected: true, score } : { detector, detected: false },
        ),
      }
    },
  }
}

/** Without bounds for the score: not every endpoint that takes a schema takes those. */
function responseFormatOf(categories: readonly string[]): unknown {
  return {
    type: 'json_schema',
    json_schema: {
      name: 'verdict',
      strict: true,
      schema: {
        type: 'object',
        properties: {
          categories: { type: 'array', items: { type: 'string', enum: categories } },
          score: { type: 'number' },
        },
        required: ['categories', 'score'],
        additionalProperties: false,
      },
    },
  }
}

/** Undefined for what is not JSON: the schema refuses it like any other wrong verdict. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function bad(message: string): GuardrailFailure {
  return new GuardrailFailure('bad-response', message)
}
