import { expect } from 'vitest'
import type { LocalGuardrail } from '../../../../src/guardrail/guardrail.ts'
import { localPii } from '../../../../src/guardrail/local-pii/local-pii.ts'
import { evidence, input } from '../segments.ts'

/** A guardrail with these settings. */
export function piiGuardrail(config: object = {}): LocalGuardrail {
  return localPii.create('pii', localPii.configSchema.parse({ kind: 'local-pii', ...config }))
}

const all = piiGuardrail()

/** `[text, what of it is found]`; the found ones without their detector. */
export type Hits = readonly (readonly [text: string, ...found: string[]])[]

export function expectHits(detector: string, hits: Hits, guardrail = all): void {
  for (const [text, ...found] of hits) {
    expect(evidence(guardrail, input(text)), text).toEqual(found.map(entity => `${detector}: ${entity}`))
  }
}

export function expectNone(texts: readonly string[], guardrail = all): void {
  for (const text of texts) expect(evidence(guardrail, input(text)), text).toEqual([])
}
