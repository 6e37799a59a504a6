import type { Verdict } from '../guardrail.ts'
import { failureReason, GuardrailFailure } from '../guardrail.ts'

/** One scan asks no more often than this: past it a text would cost its client a flood of requests. */
export const MAX_REQUESTS = 20
/** Requests of one scan under way at once. */
const PARALLEL = 4

/**
 * Asks every question and judges them as one: flagged as soon as one answer is, which ends the others. A failure does
 * not end them, so that it cannot hide a flagged answer; it counts when no answer is flagged.
 */
export async function askAll<Question>(
  questions: readonly Question[],
  ask: (question: Question, signal: AbortSignal) => Promise<Verdict>,
  signal: AbortSignal,
): Promise<Verdict> {
  if (questions.length > MAX_REQUESTS) {
    throw new GuardrailFailure('over-limit', `the text takes over ${MAX_REQUESTS} requests`)
  }
  const decided = new AbortController()
  const until = AbortSignal.any([signal, decided.signal])
  const verdicts: Verdict[] = []
  const failures: unknown[] = []
  // One iterator for all workers: each takes the next question that no other has taken.
  const waiting = questions.values()
  const work = async () => {
    for (const question of waiting) {
      if (until.aborted) return
      try {
        const verdict = await ask(question, until)
        verdicts.push(verdict)
        if (verdict.kind === 'flagged') decided.abort()
      } catch (error) {
        // What was cut short by a flagged answer did not fail.
        if (!decided.signal.aborted) failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL, questions.length) }, work))
  return summary(questions.length, verdicts, failures)
}

function summary(asked: number, verdicts: readonly Verdict[], failures: readonly unknown[]): Verdict {
  const flagged = verdicts.find(({ kind }) => kind === 'flagged')
  if (flagged?.kind === 'flagged') {
    return failures.length > 0 ? { ...flagged, incomplete: failureReason(failures[0]) } : flagged
  }
  if (failures.length > 0) throw failures[0]
  // Nothing flagged, nothing failed, and yet not all asked: the signal aborted in between.
  if (verdicts.length < asked) throw new GuardrailFailure('cancelled', 'the scan was aborted')
  return verdicts[0] ?? { kind: 'clean' }
}
