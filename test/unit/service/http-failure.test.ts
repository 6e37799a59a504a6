import { describe, expect, test } from 'vitest'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import { retryAfterMs } from '../../../src/service/http-failure.ts'

describe('a retry-after header', () => {
  const NOW = Date.parse('2026-01-01T00:00:00Z')
  const DAY = 86_400_000
  test.each<[string | readonly string[] | undefined, number | undefined]>([
    ['0', 0],
    [' 7 ', 7000],
    ['Thu, 01 Jan 2026 00:00:09 GMT', 9000],
    // Over, or of a clock that is wrong.
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['Fri, 01 Jan 2100 00:00:00 GMT', DAY],
    ['999999999', DAY],
    [undefined, undefined],
    ['', undefined],
    ['soon', undefined],
    ['-5', undefined],
    ['2026-01-02', undefined],
    ['Thursday, 01-Jan-26 00:00:09 GMT', 9000],
    ['Thu Jan  1 00:00:09 2026 GMT', 9000],
    ['Infinity', undefined],
    ['NaN', undefined],
    ['0x10', undefined],
    ['1e3', undefined],
    ['99999999999999999999', undefined],
    [['7', '9'], undefined],
  ])('%j is %j ms', (header, ms) => {
    expect(retryAfterMs(header, NOW)).toBe(ms)
  })
})

test('what an answer lacks is its shape, unless somebody knew better', () => {
  expect(new GuardrailFailure('bad-response', 'no field').detail).toBe('wrong-shape')
  expect(new GuardrailFailure('bad-response', 'cut', { detail: 'truncated' }).detail).toBe('truncated')
  expect(new GuardrailFailure('rate-limited', 'slow down').detail).toBeUndefined()
})
