import { checkSync } from 'recheck'

/**
 * Whether a pattern can take more than linear time, as far as a search of so many milliseconds shows. The search looks at
 * the clock, so that on a busy machine a pattern may look slow that is not: what it finds it has to find twice.
 */
export function slownessOf(
  source: string,
  flags: string,
  timeoutMs: number,
): 'safe' | 'unknown' | 'vulnerable' {
  const look = (): 'safe' | 'unknown' | 'vulnerable' =>
    checkSync(source, flags, { timeout: timeoutMs }).status
  const first = look()
  return first === 'safe' ? first : look()
}
