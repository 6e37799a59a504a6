import type { VerdictMemory } from './verdict-lookup.ts'

/** Where verdicts are remembered, for as long as the process or longer. */
export interface VerdictStore extends VerdictMemory {
  /** Ends what it holds open. Lookups under way reject; what was not written yet is not. */
  close(): Promise<void>
}
