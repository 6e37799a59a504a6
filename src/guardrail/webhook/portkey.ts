import { z } from 'zod'
import type { ScanSubject, Verdict } from '../guardrail.ts'
import { GuardrailFailure, verdictFrom } from '../guardrail.ts'
import { newestWithin, type Piece } from '../pieces.ts'
import { type Dialect, FLAGGED, joinedText, wireMessages } from './dialect.ts'
import { maskedFindings } from './masked.ts'

const message = z.object({ content: z.string() })
const transformedSchemas = {
  input: z.object({ messages: z.array(message) }),
  output: z.object({ choices: z.array(z.object({ message })) }),
} as const

/** `verdict: true` lets pass, whatever else the answer says, unless it was transformed. */
const answerSchema = z.object({
  verdict: z.boolean(),
  transformedData: z
    .object({
      request: z.object({ json: z.unknown().optional() }).nullish(),
      response: z.object({ json: z.unknown().optional() }).nullish(),
    })
    .nullish(),
})

/**
 * Portkey's webhook guardrail: the request as `request.json.messages` before, the answer as `response.json.choices` (a
 * choice for each text) after. The API is given as OpenAI's chat, which is what the bodies are. What a service
 * transformed in a text is a finding there.
 */
export function portkey(url: string, contextChars: number): Dialect {
  return {
    question: (batch, subject) => ({
      url,
      body: {
        ...sidesOf(batch, subject, contextChars),
        provider: 'openai',
        requestType: 'chatComplete',
        metadata: {},
      },
    }),
    verdict: portkeyVerdict,
  }
}

function sidesOf(batch: readonly Piece[], subject: ScanSubject, contextChars: number) {
  if (subject.side === 'input') {
    return {
      eventType: 'beforeRequestHook',
      request: requestOf(batch),
      response: { json: {}, text: '', statusCode: null },
    }
  }
  const choices = batch.map(({ text }, index) => ({ index, message: { role: 'assistant', content: text } }))
  return {
    eventType: 'afterRequestHook',
    request: requestOf(newestWithin(subject.conversation, contextChars)),
    response: { json: { choices }, text: joinedText(batch), statusCode: 200 },
  }
}

function requestOf(texts: readonly { role: string; text: string }[]) {
  return {
    json: { messages: wireMessages(texts) },
    text: joinedText(texts),
    isStreamingRequest: false,
    isTransformed: false,
  }
}

function portkeyVerdict(answer: unknown, batch: readonly Piece[], side: ScanSubject['side']): Verdict {
  const { data } = answerSchema.safeParse(answer)
  if (data === undefined) throw new GuardrailFailure('bad-response', 'the answer has no boolean "verdict"')
  if (!data.verdict) return FLAGGED
  const json = (side === 'input' ? data.transformedData?.request : data.transformedData?.response)?.json
  if (json === undefined || json === null) return { kind: 'clean' }
  const texts = transformedTexts(json, side)
  // Transformed into something else than texts in their places: changed, nobody knows where.
  if (texts?.length !== batch.length) return FLAGGED
  const findings = maskedFindings(batch, texts)
  return verdictFrom(findings)
}

function transformedTexts(json: unknown, side: ScanSubject['side']): readonly string[] | undefined {
  return side === 'input'
    ? transformedSchemas.input.safeParse(json).data?.messages.map(({ content }) => content)
    : transformedSchemas.output.safeParse(json).data?.choices.map(choice => choice.message.content)
}
