import { checkSync } from 'recheck'

/** A search may take longer than recheck's own ten seconds on a machine that does other things. */
export const PROOF_MS = 120_000

/**
 * Whether a pattern can take more than linear time, as far as a search shows. recheck takes a match that is not over
 * after a fraction of a second for a slow one, whatever else the machine does meanwhile: here each step has all of the
 * time, and what tells is how often a pattern reads a character.
 */
export function slownessOf(source: string, flags: string): 'safe' | 'unknown' | 'vulnerable' {
  const params = {
    timeout: PROOF_MS,
    seedingTimeout: PROOF_MS,
    incubationTimeout: PROOF_MS,
    mutationTimeout: PROOF_MS,
    attackTimeout: PROOF_MS,
  }
  return checkSync(source, flags, params).status
}
