import type { Finding } from '../guardrail.ts'

/** Ids are those of the jobs, each used once. */
export type ToMatchThread =
  | { readonly kind: 'match'; readonly id: number; readonly texts: readonly string[] }
  | { readonly kind: 'drop'; readonly id: number }

/** One answer to each `match` that is not dropped, and one to each `drop`. */
export type FromMatchThread =
  | { readonly kind: 'matched'; readonly id: number; readonly findings: readonly Finding[] }
  /** `why`: the error's name; its message might hold content. */
  | { readonly kind: 'failed'; readonly id: number; readonly why: string }
  | { readonly kind: 'dropped'; readonly id: number }
