import { canRestore } from './decide.ts'
import type { Policy, Rule } from './policy.ts'

/** Whether the policy has work to do on requests, or on answers that it judges by what was asked. */
export function needsRequest(policy: Policy): boolean {
  const { inputRules, parallelRules, canonicalize } = policy
  return inputRules.length + parallelRules.length > 0 || canonicalize || needsConversation(policy)
}

/** Whether the policy has work to do on responses. */
export function needsResponse({ inputRules, outputRules }: Policy): boolean {
  return outputRules.length > 0 || canRestore(inputRules)
}

/** Whether a rule judges answers by what was asked. */
export function needsConversation({ outputRules }: Policy): boolean {
  return outputRules.some(isByConversation)
}

/** Rules that judge a request: before it goes on, and on its way. */
export function requestRules({ inputRules, parallelRules }: Policy): readonly Rule[] {
  return parallelRules.length === 0 ? inputRules : [...inputRules, ...parallelRules]
}

/** Rules that a request fails that nobody can read: those of its answer as well that judge that by it. */
export function readingRules(policy: Policy): readonly Rule[] {
  return [...requestRules(policy), ...conversationRules(policy)]
}

/** Rules that judge an answer by what was asked. */
export function conversationRules({ outputRules }: Policy): readonly Rule[] {
  return outputRules.filter(isByConversation)
}

function isByConversation({ outputContext }: Rule): boolean {
  return outputContext !== undefined
}
