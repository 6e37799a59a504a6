import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../../src/guardrail/guardrail.ts'
import { openVerdict, sealVerdict } from '../../../src/verdict-cache/sealed.ts'
import { cacheKeys } from '../../../src/verdict-cache/secret-key.ts'

const { seal, digest } = cacheKeys('the secret')
const KEY = digest('a subject')
const EXPIRES = 2_000_000_000_000
const BEFORE = EXPIRES - 1
const CLEAN: Verdict = { kind: 'clean' }

const sealed = (verdict: Verdict, key = KEY) => sealVerdict(seal, { key, verdict, expiresMs: EXPIRES })
const opened = (value: string, key = KEY, nowMs = BEFORE, latestMs = EXPIRES) =>
  openVerdict(seal, key, value, { nowMs, latestMs })

/** A value that is sealed rightly around what no verdict is. */
function sealedJson(json: string): string {
  const mac = seal(JSON.stringify([KEY, String(EXPIRES), json])).toString('hex')
  return `1.${EXPIRES}.${mac}.${json}`
}

describe('a sealed verdict', () => {
  test.each<[string, Verdict]>([
    ['clean', CLEAN],
    ['clean with the id of the check', { kind: 'clean', requestId: 'check' }],
    ['flagged without findings', { kind: 'flagged', findings: [] }],
    [
      'flagged',
      {
        kind: 'flagged',
        requestId: 'check',
        findings: [
          { detector: 'pii/email', score: 0.5, level: 'l1', span: { segment: 2, start: 0, end: 4 } },
          { detector: 'prompt_attack' },
        ],
      },
    ],
  ])('opens as it was: %s', (_, verdict) => {
    expect(opened(sealed(verdict))).toEqual(verdict)
  })

  test('is over when its time is', () => {
    expect(opened(sealed(CLEAN), KEY, EXPIRES - 1)).toEqual(CLEAN)
    expect(opened(sealed(CLEAN), KEY, EXPIRES)).toBeUndefined()
  })

  test('cannot be moved to another key', () => {
    expect(opened(sealed(CLEAN), digest('another subject'))).toBeUndefined()
  })

  test('cannot be prolonged', () => {
    const value = sealed(CLEAN).replace(String(EXPIRES), String(EXPIRES + 1000))
    expect(opened(value)).toBeUndefined()
  })

  test('cannot be changed', () => {
    const flagged = sealed({ kind: 'flagged', findings: [] })
    expect(opened(flagged.replace('{"kind":"flagged","findings":[]}', '{"kind":"clean"}'))).toBeUndefined()
  })

  test('cannot be made with another secret, nor with what keys are made by', () => {
    const other = sealVerdict(cacheKeys('another').seal, { key: KEY, verdict: CLEAN, expiresMs: EXPIRES })
    expect(opened(other)).toBeUndefined()
    const json = '{"kind":"clean"}'
    const mac = digest(JSON.stringify([KEY, String(EXPIRES), json]))
    expect(opened(`1.${EXPIRES}.${mac}.${json}`)).toBeUndefined()
  })

  test('does not open with any one byte of it changed', () => {
    const value = sealed({ kind: 'clean', requestId: 'check' })
    for (let at = 0; at < value.length; at += 1) {
      const other = value[at] === '0' ? '1' : '0'
      expect(opened(value.slice(0, at) + other + value.slice(at + 1)), `byte ${at}`).toBeUndefined()
    }
  })
})

describe('what is no sealed verdict', () => {
  test.each([
    ['nothing', ''],
    ['bare JSON', '{"kind":"clean"}'],
    ['an empty seal', `1.${EXPIRES}..{"kind":"clean"}`],
    ['a seal that is too short', `1.${EXPIRES}.abcd.{"kind":"clean"}`],
    ['a cut value', sealed(CLEAN).slice(0, -3)],
    ['more behind it', `${sealed(CLEAN)} `],
    ['another version', sealed(CLEAN).replace(/^1/, '2')],
    ['bytes', '\u0000\ufffd'],
  ])('is not opened: %s', (_, value) => {
    expect(opened(value)).toBeUndefined()
  })

  test.each([
    ['no JSON', '{kind'],
    ['an unknown kind', '{"kind":"maybe"}'],
    ['no findings', '{"kind":"flagged"}'],
    ['an incomplete verdict', '{"kind":"flagged","findings":[],"incomplete":"timeout"}'],
    ['an unknown key', '{"kind":"clean","text":"CANARY"}'],
    ['an unknown key in a finding', '{"kind":"flagged","findings":[{"detector":"d","text":"CANARY"}]}'],
    ['a finding without a detector', '{"kind":"flagged","findings":[{"detector":""}]}'],
    ['a score over 1', '{"kind":"flagged","findings":[{"detector":"d","score":2}]}'],
    ['half a span', '{"kind":"flagged","findings":[{"detector":"d","span":{"segment":0}}]}'],
  ])('is not opened, though it is sealed: %s', (_, json) => {
    expect(opened(sealedJson(json))).toBeUndefined()
  })

  test('the helper seals what does open', () => {
    expect(opened(sealedJson('{"kind":"clean"}'))).toEqual(CLEAN)
  })
})

describe('the keys of a cache', () => {
  test('are those of the secret', () => {
    expect(cacheKeys('the secret').digest('x')).toBe(digest('x'))
    expect(cacheKeys('another').digest('x')).not.toBe(digest('x'))
    expect(digest('x')).toMatch(/^[0-9a-f]{64}$/)
  })

  test('are others for each use', () => {
    expect(seal('x').toString('hex')).not.toBe(digest('x'))
  })
})
