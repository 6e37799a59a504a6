import type { UseConfig } from './policy-schema.ts'

/** Where of an exchange a rule judges. */
export interface Sides {
  readonly input: boolean
  /** The request, while the upstream works on it already. Never together with `input`. */
  readonly parallel: boolean
  readonly output: boolean
}

/**
 * `mode` says it when it is there, else `direction`, else the input side. during_call judges the output as well unless
 * `direction: input` stands beside it; beside pre_call it adds nothing on the input side.
 */
export function sidesOf({ direction, mode }: Pick<UseConfig, 'direction' | 'mode'>): Sides {
  if (mode === undefined) {
    const output = direction === 'output' || direction === 'both'
    return { input: direction !== 'output', parallel: false, output }
  }
  const modes = [mode].flat()
  const duringCall = modes.includes('during_call')
  const input = modes.includes('pre_call')
  return {
    input,
    parallel: duringCall && !input,
    output: modes.includes('post_call') || (duringCall && direction !== 'input'),
  }
}
