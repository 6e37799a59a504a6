import { z } from 'zod'
import { assertNever } from '../../errors.ts'
import type { Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import type { Piece } from '../pieces.ts'
import { type Dialect, FLAGGED, modelOf, wireMessages, withPath } from './dialect.ts'
import { maskedFindings } from './masked.ts'

const PATH = '/beta/litellm_basic_guardrail_api'

/** LiteLLM itself takes a missing action for NONE; here it is a fault. */
const answerSchema = z.object({
  action: z.enum(['NONE', 'BLOCKED', 'GUARDRAIL_INTERVENED']),
  texts: z.array(z.string()).nullish(),
})

/**
 * LiteLLM's Generic Guardrail API, `POST <url>/beta/litellm_basic_guardrail_api`. `texts` are judged, in place and
 * order; the roles of a request's texts stand in `structured_messages`, which the API has for requests only.
 * `blocked_reason` is free text and not read. Text that a service puts back into an answer (its own masks undone)
 * counts as a change like any other.
 */
export function litellm(url: string, params: Readonly<Record<string, unknown>>): Dialect {
  // Some operators have the whole URL, as LiteLLM takes it too.
  const endpoint = new URL(url).pathname.endsWith(PATH) ? url : withPath(url, PATH)
  return {
    question: (batch, subject) => ({
      url: endpoint,
      body: {
        input_type: subject.side === 'input' ? 'request' : 'response',
        litellm_call_id: crypto.randomUUID(),
        texts: batch.map(({ text }) => text),
        images: [],
        tools: [],
        tool_calls: [],
        ...(subject.side === 'input' ? { structured_messages: wireMessages(batch) } : {}),
        ...modelOf(subject),
        request_data: {},
        additional_provider_specific_params: params,
      },
    }),
    verdict: litellmVerdict,
  }
}

function litellmVerdict(answer: unknown, batch: readonly Piece[]): Verdict {
  const { data } = answerSchema.safeParse(answer)
  if (data === undefined) throw new GuardrailFailure('bad-response', 'the answer has no known "action"')
  switch (data.action) {
    case 'NONE':
      return { kind: 'clean' }
    case 'BLOCKED':
      return FLAGGED
    case 'GUARDRAIL_INTERVENED':
      return intervention(data.texts, batch)
    default:
      return assertNever(data.action)
  }
}

/** It says that it changed something: where that does not show in the texts, its place is not known. */
function intervention(texts: readonly string[] | null | undefined, batch: readonly Piece[]): Verdict {
  if (texts?.length !== batch.length) return FLAGGED
  const findings = maskedFindings(batch, texts)
  return findings.length === 0 ? FLAGGED : { kind: 'flagged', findings }
}
