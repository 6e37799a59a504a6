import { describe, expect, test } from 'vitest'
import { Placeholders, plainName } from '../../../src/policy/placeholder.ts'
import type { RedactStyle } from '../../../src/policy/redaction.ts'

const restored: RedactStyle = { kind: 'replace', restore: true }
const hash = (restore: boolean): RedactStyle => ({ kind: 'hash', restore, digest: text => `d${text.length}` })
const email = (style: RedactStyle) => ({ detector: 'pii/email', style })

describe('a text that nobody restores becomes', () => {
  test.each<[string, RedactStyle, string]>([
    ['the name of what it was', { kind: 'replace', restore: false }, '<EMAIL>'],
    ['asterisks', { kind: 'mask' }, '*****'],
    ['the name and a digest', hash(false), '<EMAIL_d5>'],
  ])('%s', (_, style, placeholder) => {
    expect(plainName(email(style), 'a@b.c')).toBe(placeholder)
  })

  test('one asterisk a character, not a code unit', () => {
    expect(plainName(email({ kind: 'mask' }), '😀b')).toBe('**')
  })
})

describe('placeholders of a request', () => {
  test('are numbered by their text, each entity by itself', () => {
    const { name, originals } = new Placeholders(() => [])
    expect(name(email(restored), 'a@b.c')).toBe('<EMAIL_1>')
    expect(name(email(restored), 'd@e.f')).toBe('<EMAIL_2>')
    expect(name({ detector: 'pii/us_ssn', style: restored }, '1')).toBe('<US_SSN_1>')
    expect(name(email(restored), 'a@b.c')).toBe('<EMAIL_1>')
    expect([...originals]).toEqual([
      ['<EMAIL_1>', 'a@b.c'],
      ['<EMAIL_2>', 'd@e.f'],
      ['<US_SSN_1>', '1'],
    ])
  })

  test('are never what the request itself holds', () => {
    const { name } = new Placeholders(() => ['what is <EMAIL_1>?', '<EMAIL_3>'])
    expect(['a', 'b', 'c'].map(text => name(email(restored), text))).toEqual([
      '<EMAIL_2>',
      '<EMAIL_4>',
      '<EMAIL_5>',
    ])
  })

  test('remember only what is to be restored', () => {
    const { name, originals } = new Placeholders(() => [])
    for (const style of [
      { kind: 'mask' } as const,
      { kind: 'replace', restore: false } as const,
      hash(false),
    ]) {
      name(email(style), 'a@b.c')
    }
    expect(originals.size).toBe(0)
    expect(name(email(hash(true)), 'a@b.c')).toBe('<EMAIL_d5>')
    expect(originals.get('<EMAIL_d5>')).toBe('a@b.c')
  })

  test('stand for the text that JSON source spells', () => {
    const { name, originals } = new Placeholders(() => [])
    name(email(restored), 'a\\u0040b \\"c\\"', 'json')
    expect([...originals.values()]).toEqual(['a@b "c"'])
  })

  test('stand for the source as it is where it is cut inside an escape', () => {
    const { name, originals } = new Placeholders(() => [])
    name(email(restored), 'a@b\\u00', 'json')
    expect([...originals.values()]).toEqual(['a@b\\u00'])
  })

  test('say what each guardrail took a text for', () => {
    const { name } = new Placeholders(() => [])
    expect(name(email(restored), '1')).toBe('<EMAIL_1>')
    expect(name({ detector: 'pii/us_ssn', style: restored }, '1')).toBe('<US_SSN_1>')
  })
})
