import { canRestore } from './decide.ts'
import type { Policy } from './policy.ts'

/** Whether the policy has work to do on requests. */
export function needsRequest({ inputRules, parallelRules, canonicalize }: Policy): boolean {
  return inputRules.length + parallelRules.length > 0 || canonicalize
}

/** Whether the policy has work to do on responses. */
export function needsResponse({ inputRules, outputRules }: Policy): boolean {
  return outputRules.length > 0 || canRestore(inputRules)
}

/** Whether a rule judges answers by what was asked. */
export function needsConversation({ outputRules }: Policy): boolean {
  return outputRules.some(({ outputContext }) => outputContext !== undefined)
}
