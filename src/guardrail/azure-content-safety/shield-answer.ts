import { z } from 'zod'
import { GuardrailFailure } from '../guardrail.ts'
import type { Reading } from './reading.ts'

const analysisSchema = z.object({ attackDetected: z.boolean() })

/** The service may leave out, or answer null for, what it was not given. */
const answerSchema = z.object({
  userPromptAnalysis: analysisSchema.nullish(),
  documentsAnalysis: z.array(analysisSchema).nullish(),
})

/**
 * Decodes the answer to `text:shieldPrompt`. Throws GuardrailFailure `bad-response` when the prompt or one of the
 * documents that were sent has no analysis.
 */
export function readShield(
  answer: unknown,
  sent: { readonly userPrompt: string; readonly documents: readonly string[] },
): Reading {
  const decoded = answerSchema.safeParse(answer)
  if (!decoded.success) throw new GuardrailFailure('bad-response', 'the answer is no prompt shield analysis')
  const { userPromptAnalysis: prompt, documentsAnalysis } = decoded.data
  const documents = documentsAnalysis ?? []
  if (sent.userPrompt !== '' && !prompt) {
    throw new GuardrailFailure('bad-response', 'the answer has no analysis of the prompt')
  }
  if (documents.length !== sent.documents.length) {
    throw new GuardrailFailure('bad-response', 'the answer has not one analysis for each document')
  }
  const breakdown = [
    ...(prompt ? [{ detector: 'prompt_attack', detected: prompt.attackDetected }] : []),
    ...documents.map(({ attackDetected }) => ({
      detector: 'prompt_attack/document',
      detected: attackDetected,
    })),
  ]
  const detectors = new Set(breakdown.flatMap(({ detector, detected }) => (detected ? [detector] : [])))
  return { findings: [...detectors].map(detector => ({ detector })), breakdown }
}
