import { assertNever } from '../../errors.ts'
import type { TextSegment } from '../../llm/format.ts'
import type { ScanSubject } from '../guardrail.ts'
import { joined } from '../joined.ts'
import type { Piece } from '../pieces.ts'

/**
 * The filters read 65,536 tokens (https://docs.cloud.google.com/model-armor/quotas), and a token is one character at
 * the worst. Past them a filter answers EXECUTION_SKIPPED, which is a failure here.
 */
export const MAX_CHARS = 60_000

interface SanitizeRequest {
  readonly method: 'sanitizeUserPrompt' | 'sanitizeModelResponse'
  readonly body: object
}

/** The texts go to the operation of their side, an answer with what it answers. */
export function sanitizeRequest(subject: ScanSubject, batch: readonly Piece[]): SanitizeRequest {
  const data = { text: joined(batch) }
  switch (subject.side) {
    case 'input':
      return { method: 'sanitizeUserPrompt', body: { userPromptData: data } }
    case 'output': {
      const userPrompt = lastPrompt(subject.conversation)
      return { method: 'sanitizeModelResponse', body: { modelResponseData: data, userPrompt } }
    }
    default:
      return assertNever(subject)
  }
}

/** What the answer answers. It is not judged, so that one that is too long is left out rather than cut. */
function lastPrompt(conversation: readonly TextSegment[]): string | undefined {
  const asked = conversation.filter(({ role, text }) => role === 'user' && text.trim() !== '')
  const last = asked.at(-1)?.message
  const prompt = asked
    .filter(({ message }) => message === last)
    .map(({ text }) => text)
    .join('\n')
  return prompt === '' || prompt.length > MAX_CHARS ? undefined : prompt.toWellFormed()
}
