import { expect, it } from 'vitest'
import type { RuleRecord } from '../../../src/exchange/record.ts'
import { isShownWhole } from '../../../src/telemetry/decision-log.ts'
import { recordOf } from './records.ts'

const RULE: RuleRecord = { guardrail: 'g', action: 'alert', outcome: 'flagged', detectors: ['d'], ms: 1 }
const named = (length: number): string => 'x'.repeat(length)
const seen = { detector: 'd', detected: true }

it.each<[string, (size: 'largest' | 'over') => Partial<RuleRecord>]>([
  ['many detectors', size => ({ detectors: Array(size === 'over' ? 33 : 32).fill('d') })],
  ['a long detector', size => ({ detectors: [named(size === 'over' ? 129 : 128)] })],
  ['a breakdown of many', size => ({ breakdown: Array(size === 'over' ? 33 : 32).fill(seen) })],
  [
    'a long name in a breakdown',
    size => ({ breakdown: [{ ...seen, detector: named(size === 'over' ? 129 : 128) }] }),
  ],
  ['a long level', size => ({ breakdown: [{ ...seen, level: named(size === 'over' ? 129 : 128) }] })],
  ['a long id of the guard service', size => ({ guardRequestId: named(size === 'over' ? 129 : 128) })],
])('a record with %s is not shown whole, in whichever rule', (_, facts) => {
  const isWhole = (size: 'largest' | 'over') =>
    isShownWhole(recordOf({ rules: [RULE, { ...RULE, ...facts(size) }] }))
  expect([isWhole('largest'), isWhole('over')]).toEqual([true, false])
})
