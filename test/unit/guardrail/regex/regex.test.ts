import { describe, expect, test } from 'vitest'
import { regex } from '../../../../src/guardrail/regex/regex.ts'
import { cpuMsOf } from '../../../support/cpu-time.ts'
import { evidence, findingsIn, input, output } from '../segments.ts'

interface PatternConfig {
  readonly name: string
  readonly pattern: string
  readonly flags?: string
}

function guardrail(...patterns: readonly PatternConfig[]) {
  return regex.create('patterns', regex.configSchema.parse({ kind: 'regex', patterns }))
}

describe('regex', () => {
  test('every match of every pattern, under the pattern’s name', () => {
    const guard = guardrail({ name: 'ticket', pattern: 'T-\\d+' }, { name: 'host', pattern: '[a-z]+\\.corp' })
    expect(evidence(guard, input('T-1 on db.corp, T-22'))).toEqual([
      'ticket: T-1',
      'ticket: T-22',
      'host: db.corp',
    ])
    expect(evidence(guard, output('T-3'))).toEqual(['ticket: T-3'])
    expect(guard.scan(input('T- corp'))).toEqual({ kind: 'clean' })
  })

  test('spans are UTF-16 offsets into their own segment', () => {
    expect(findingsIn(guardrail({ name: 'n', pattern: '\\d+' }), input('x', '😀é42'))).toEqual([
      { detector: 'n', score: 1, span: { segment: 1, start: 3, end: 5 } },
    ])
  })

  test.each<[string | undefined, readonly string[]]>([
    [undefined, ['abc']],
    ['i', ['ABC', 'abc']],
  ])('flags %s', (flags, expected) => {
    const guard = guardrail({ name: 'n', pattern: 'abc', flags })
    expect(evidence(guard, input('ABC abc'))).toEqual(expected.map(found => `n: ${found}`))
  })

  test('m anchors at lines, s lets a dot take a line break', () => {
    expect(evidence(guardrail({ name: 'n', pattern: '^b', flags: 'm' }), input('a\nb'))).toEqual(['n: b'])
    expect(evidence(guardrail({ name: 'n', pattern: '^b' }), input('a\nb'))).toEqual([])
    expect(evidence(guardrail({ name: 'n', pattern: 'a.b', flags: 's' }), input('a\nb'))).toEqual(['n: a\nb'])
    expect(evidence(guardrail({ name: 'n', pattern: 'a.b' }), input('a\nb'))).toEqual([])
  })

  test('a match of nothing is no finding', () => {
    const guard = guardrail({ name: 'n', pattern: 'x*' })
    expect(guard.scan(input('abc'))).toEqual({ kind: 'clean' })
    expect(evidence(guard, input('axxb'))).toEqual(['n: xx'])
  })

  test('past a thousand matches the rest of the text is one', () => {
    const findings = findingsIn(guardrail({ name: 'n', pattern: '\\d' }), input(`${'7'.repeat(5000)}x`))
    expect(findings).toHaveLength(1000)
    expect(findings.at(-2)?.span).toEqual({ segment: 0, start: 998, end: 999 })
    expect(findings.at(-1)?.span).toEqual({ segment: 0, start: 999, end: 5001 })
  })

  test.each<[string, string, string]>([
    ['nested repetition', '(a+)+$', `${'a'.repeat(64 * 1024)}!`],
    ['a far look-ahead per match', 'a(.*b)?', 'a'.repeat(4096)],
  ])('hostile text ends in time: %s', (_, pattern, text) => {
    // A backtracking engine, or one look-ahead per match without a cap, takes far longer.
    expect(cpuMsOf(() => guardrail({ name: 'n', pattern }).scan(input(text)))).toBeLessThan(2000)
  })

  test.each([
    ['does not close', '(a'],
    ['needs a backreference', '(a)\\1'],
    ['needs a look-ahead', 'a(?=b)'],
  ])('a pattern that %s is a config problem at its place, by its name', (_, pattern) => {
    const patterns = [
      { name: 'good', pattern: 'a' },
      { name: 'tickets', pattern },
    ]
    const parsed = regex.configSchema.safeParse({ kind: 'regex', patterns })
    expect(parsed.error?.issues).toEqual([
      expect.objectContaining({
        path: ['patterns', 1, 'pattern'],
        message: expect.stringMatching(/^pattern "tickets" does not compile: /),
      }),
    ])
    expect(() => regex.create('p', { kind: 'regex', patterns })).toThrow(
      expect.objectContaining({ code: 'bad-config', message: expect.stringContaining('tickets') }),
    )
  })

  test.each<[string, object]>([
    ['no patterns', { patterns: [] }],
    ['an empty pattern', { patterns: [{ name: 'n', pattern: '' }] }],
    ['a name with a line break', { patterns: [{ name: 'a\nb', pattern: 'a' }] }],
    ['an unknown flag', { patterns: [{ name: 'n', pattern: 'a', flags: 'g' }] }],
    ['a flag twice', { patterns: [{ name: 'n', pattern: 'a', flags: 'imi' }] }],
    ['an unknown key', { patterns: [{ name: 'n', regex: 'a' }] }],
  ])('%s is refused', (_, config) => {
    expect(regex.configSchema.safeParse({ kind: 'regex', ...config }).success).toBe(false)
  })
})
