import { guardrailKinds } from '../guardrail/registry.ts'

/** The keys of a kind that take a secret; none for a kind that is not known. */
export function secretKeysOf(kind: unknown): readonly string[] {
  const entry = Object.entries(guardrailKinds).find(([name]) => name === kind)
  return entry?.[1].secretKeys ?? []
}
