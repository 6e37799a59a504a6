import type { Model } from '../../src/guardrail/local-prompt-attack/model.ts'
import type { Weights } from './train.ts'

/** The few weights beyond are cut to it, so that the many get finer steps. */
const KEPT_SHARE = 0.9995

/** The weights in 255 steps. */
export function quantised({ slots, traits }: Weights): Pick<Model, 'table' | 'step' | 'traits'> {
  const sizes = slots.map(Math.abs).sort()
  const largest = sizes[Math.floor((sizes.length - 1) * KEPT_SHARE)] ?? 0
  const step = Math.fround(Math.max(largest, 1e-6) / 127)
  const table = Int8Array.from(slots, weight => Math.max(-127, Math.min(127, Math.round(weight / step))))
  return { table, step, traits }
}
