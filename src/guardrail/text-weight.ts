import type { LocalGuardrail, ScanSubject } from './guardrail.ts'

/** What a text costs by being one: as much as so many UTF-16 units of the costliest text. */
const WEIGHT_OF_A_TEXT = 64

/**
 * What a local guardrail judges at once, if it does not say less. The costliest text known takes `local-pii` 0.5 ms a
 * Ki; most take all local guardrails together less than a twentieth of that.
 */
const AT_ONCE_WEIGHT = 16_384

/** UTF-16 units, and something for each text; not counted on when no guardrail judges so much at once. */
export function textWeight({ segments }: ScanSubject): number {
  let weight = 0
  for (const { text } of segments) {
    weight += text.length + WEIGHT_OF_A_TEXT
    if (weight > AT_ONCE_WEIGHT) break
  }
  return weight
}

/** Whether the guardrail judges texts of this weight at once: at worst that takes it some milliseconds. */
export function fitsOneTurn(
  { atOnceWeight = AT_ONCE_WEIGHT }: Pick<LocalGuardrail, 'atOnceWeight'>,
  weight: number,
): boolean {
  return weight <= Math.min(atOnceWeight, AT_ONCE_WEIGHT)
}
