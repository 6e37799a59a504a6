import type { UseConfig } from './policy-schema.ts'

/** Which sides of an exchange a rule judges. */
export interface Sides {
  readonly input: boolean
  readonly output: boolean
}

/**
 * `mode` says it when it is there, else `direction`, else the input side. during_call judges the output as well unless
 * `direction: input` stands beside it.
 */
export function sidesOf({ direction, mode }: Pick<UseConfig, 'direction' | 'mode'>): Sides {
  if (mode === undefined)
    return { input: direction !== 'output', output: direction === 'output' || direction === 'both' }
  const modes = [mode].flat()
  const duringCall = modes.includes('during_call')
  return {
    input: modes.includes('pre_call') || duringCall,
    output: modes.includes('post_call') || (duringCall && direction !== 'input'),
  }
}
