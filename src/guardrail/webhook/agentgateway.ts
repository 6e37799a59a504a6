import { z } from 'zod'
import type { ScanSubject, Verdict } from '../guardrail.ts'
import { GuardrailFailure, verdictFrom } from '../guardrail.ts'
import type { Piece } from '../pieces.ts'
import { type Dialect, FLAGGED, wireMessages, withPath } from './dialect.ts'
import { maskedFindings } from './masked.ts'

const reason = z.string().nullish()
const message = z.object({ content: z.string() })

/**
 * The three actions are told apart by their shape alone. Each is strict, so that a reject or a mask with a fault in it
 * is not taken for a pass, which has nothing that it must carry.
 */
const passSchema = z.strictObject({ reason })
const rejectSchema = z.strictObject({ body: z.string(), status_code: z.int().min(100).max(599), reason })
const maskSchemas = {
  input: z.strictObject({ body: z.object({ messages: z.array(message) }), reason }),
  output: z.strictObject({ body: z.object({ choices: z.array(z.object({ message })) }), reason }),
} as const
const envelopeSchema = z.object({ action: z.record(z.string(), z.unknown()) })

/**
 * The guardrail webhook of agentgateway, kgateway and Gloo: `POST <url>/request` with `{"body": {"messages"}}`, and
 * `POST <url>/response` with `{"body": {"choices"}}`, a choice for each text. It passes, rejects, or sends the texts
 * back masked. Reasons are free text that may quote what was found: they are not read.
 */
export function agentgateway(url: string): Dialect {
  return {
    question: (batch, { side }) =>
      side === 'input'
        ? { url: withPath(url, '/request'), body: { body: { messages: wireMessages(batch) } } }
        : { url: withPath(url, '/response'), body: { body: { choices: choicesOf(batch) } } },
    verdict: agentgatewayVerdict,
  }
}

function choicesOf(batch: readonly Piece[]) {
  return wireMessages(batch).map(({ content }) => ({ message: { role: 'assistant', content } }))
}

function agentgatewayVerdict(answer: unknown, batch: readonly Piece[], side: ScanSubject['side']): Verdict {
  const action = envelopeSchema.safeParse(answer).data?.action
  if (action !== undefined) {
    if (rejectSchema.safeParse(action).success) return FLAGGED
    const texts = maskedTexts(action, side)
    if (texts !== undefined) return maskVerdict(texts, batch)
    if (passSchema.safeParse(action).success) return { kind: 'clean' }
  }
  throw new GuardrailFailure('bad-response', 'the answer has no "action" to pass, mask or reject')
}

function maskedTexts(action: unknown, side: ScanSubject['side']): readonly string[] | undefined {
  return side === 'input'
    ? maskSchemas.input.safeParse(action).data?.body.messages.map(({ content }) => content)
    : maskSchemas.output.safeParse(action).data?.body.choices.map(choice => choice.message.content)
}

/** Another number of texts is a change whose place nobody knows. */
function maskVerdict(texts: readonly string[], batch: readonly Piece[]): Verdict {
  if (texts.length !== batch.length) return FLAGGED
  const findings = maskedFindings(batch, texts)
  return verdictFrom(findings)
}
