import fc from 'fast-check'
import { isSupportedCountry, parsePhoneNumber } from 'libphonenumber-js/min'
import { expect, test } from 'vitest'
import {
  callingCodeOf,
  isInternational,
  isNational,
  PHONE_REGIONS,
} from '../../../../src/guardrail/local-pii/phone-plans.ts'

/** What libphonenumber's own parser says. */
function isValid(number: string): boolean {
  try {
    return parsePhoneNumber(number).isValid()
  } catch {
    return false
  }
}

test('international numbers are those that libphonenumber takes', () => {
  const code = fc.constantFrom(...PHONE_REGIONS).map(region => callingCodeOf(region) ?? expect.fail(region))
  const rest = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 6, maxLength: 11 })
  let valid = 0
  fc.assert(
    fc.property(code, rest, (calling, number) => {
      // A trunk prefix behind the country's code is libphonenumber's leniency.
      fc.pre(!/^[018]/.test(number))
      const theirs = isValid(`+${calling}${number}`)
      if (theirs) valid++
      if (theirs !== isInternational(calling + number)) {
        // It also takes off national and carrier prefixes of a few countries.
        expect(theirs && parsePhoneNumber(`+${calling}${number}`).nationalNumber !== number).toBe(true)
      }
    }),
    { numRuns: 3000 },
  )
  expect(valid).toBeGreaterThan(300)
})

test('national numbers, with the trunk prefix or without', () => {
  expect(isNational('03090182000', ['DE'])).toBe(true)
  expect(isNational('2125551234', ['US'])).toBe(true)
  expect(isNational('12125551234', ['US'])).toBe(true)
  expect(isNational('0612345678', ['FR'])).toBe(true)
  expect(isNational('0612345678', ['ES', 'US'])).toBe(false)
  expect(isNational('0612345678', ['XX'])).toBe(false)
  expect(isNational('', ['US'])).toBe(false)
})

test('every region has a plan', () => {
  for (const region of PHONE_REGIONS) expect(isSupportedCountry(region), region).toBe(true)
})
