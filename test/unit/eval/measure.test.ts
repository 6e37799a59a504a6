import { describe, expect, test } from 'vitest'
import { isEntity } from '../../eval/entities.ts'
import type { AttackText, Placed } from '../../eval/item.ts'
import { flagged, type Scored, thresholdFor } from '../../eval/measure-attacks.ts'
import { countSpans, overlap } from '../../eval/measure-spans.ts'
import { PII, SECRET } from '../../eval/report-spans.ts'

const found = (detector: string, start: number, end: number) => ({
  detector,
  span: { segment: 0, start, end },
})
const span = (entity: string, start: number, end: number) => ({ entity, start, end })
const scored = (...scores: number[]): Scored[] => scores.map(score => ({ item: ITEM, score }))
const ITEM: Placed<AttackText> = {
  id: '0',
  source: 'test',
  side: 'tune',
  label: 'ordinary',
  category: 'task',
  channel: 'user',
  text: '',
}

describe('counting spans', () => {
  test('overlap is intersection over union', () => {
    expect(overlap({ start: 0, end: 10 }, { start: 0, end: 10 })).toBe(1)
    expect(overlap({ start: 0, end: 10 }, { start: 5, end: 15 })).toBeCloseTo(1 / 3)
    expect(overlap({ start: 0, end: 5 }, { start: 5, end: 9 })).toBe(0)
  })

  test('a finding of the right kind in the right place is a hit', () => {
    const tallies = countSpans([span('card', 3, 22)], [found('pii/card', 3, 22)], PII)
    expect([...tallies]).toEqual([['card', { hits: 1, misses: 0, falseAlarms: 0 }]])
  })

  test.each([
    ['of another kind', 'pii/phone', 3, 22, 'phone'],
    ['of half of it', 'pii/card', 3, 12, 'card'],
  ])('one %s is a miss and a false alarm', (_, detector, start, end, alarm) => {
    const tallies = countSpans([span('card', 3, 22)], [found(detector, start, end)], PII)
    expect(tallies.get('card')?.misses).toBe(1)
    expect(tallies.get(alarm)?.falseAlarms).toBe(1)
  })

  test('a finding without a span is a false alarm', () => {
    expect(countSpans([], [{ detector: 'pii/email' }], PII).get('email')?.falseAlarms).toBe(1)
  })

  test('any part of a secret tells, whatever it is taken for', () => {
    const tallies = countSpans([span('assignment', 0, 40)], [found('secret/entropy', 8, 40)], SECRET)
    expect(tallies.get('assignment')?.hits).toBe(1)
  })

  test('kinds are told by the names of detectors', () => {
    expect(isEntity('pii/es_dni', 'national_id')).toBe(true)
    expect(isEntity('pii/us_ssn', 'national_id')).toBe(false)
    expect(isEntity('pii/ip_address', 'address')).toBe(false)
    expect(isEntity('pii/eu_vat', 'eu_vat')).toBe(true)
  })
})

describe('thresholds', () => {
  test('the lowest at which no more than the share is flagged', () => {
    const harmless = scored(...Array.from({ length: 100 }, (_, at) => at / 100))
    const threshold = thresholdFor(harmless, 0.05)
    expect(flagged(harmless, threshold)).toBe(5)
    expect(threshold).toBeCloseTo(0.94, 6)
  })

  test('equal scores count together', () => {
    const harmless = scored(0.9, 0.9, 0.9, 0.1, 0, 0, 0, 0, 0, 0)
    expect(flagged(harmless, thresholdFor(harmless, 0.1))).toBe(0)
  })

  test('a text without a finding is never flagged', () => {
    expect(flagged(scored(0, 0), 0)).toBe(0)
  })
})
