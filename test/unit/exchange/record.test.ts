import { expect, test } from 'vitest'
import { judgedRules } from '../../../src/exchange/record.ts'
import type { Finding } from '../../../src/guardrail/guardrail.ts'
import { flagWord, rule } from '../../support/policies.ts'

/** What the record tells of a guardrail that found this and gives no breakdown of its own. */
function breakdownOf(findings: readonly Finding[]) {
  const outcome = { kind: 'verdict', verdict: { kind: 'flagged', findings }, ms: 1 } as const
  return judgedRules([{ rule: rule(flagWord('x')), outcome }], 'denied', false).rules[0]?.breakdown
}

test('a detector that found more than once is told once, by its highest score', () => {
  const found = [0.4, 0.9, 0.7].map(score => ({ detector: 'prompt_attack', score }))
  expect(breakdownOf(found)).toEqual([{ detector: 'prompt_attack', detected: true, score: 0.9 }])
})

test('a detector is told once for each level', () => {
  const found = ['high', 'low', 'high'].map(level => ({ detector: 'hate', level }))
  expect(breakdownOf(found)).toEqual([
    { detector: 'hate', detected: true, level: 'high' },
    { detector: 'hate', detected: true, level: 'low' },
  ])
})
