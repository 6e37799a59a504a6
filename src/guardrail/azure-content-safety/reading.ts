import type { DetectorResult, Finding } from '../guardrail.ts'

/** What one answer says: what is wrong, and what every detector came to. */
export interface Reading {
  readonly findings: readonly Finding[]
  readonly breakdown: readonly DetectorResult[]
}
