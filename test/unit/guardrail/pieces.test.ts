import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../../src/guardrail/guardrail.ts'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import { askAll, batchesOf, newestWithin } from '../../../src/guardrail/pieces.ts'
import { segment } from './segments.ts'

const texts = (batches: ReturnType<typeof batchesOf>) => batches.map(batch => batch.map(({ text }) => text))

describe('cutting', () => {
  test('texts that fit go whole and in order, blank ones not at all', () => {
    const segments = [segment('one', { role: 'system' }), segment(' \n'), segment('two')]
    expect(batchesOf(segments, 500)).toEqual([
      [
        { segment: 0, start: 0, role: 'system', text: 'one' },
        { segment: 2, start: 0, role: 'user', text: 'two' },
      ],
    ])
    expect(batchesOf([segment('')], 500)).toEqual([])
  })

  test('a batch holds no more than fits', () => {
    expect(
      texts(
        batchesOf(
          ['a', 'b', 'c'].map(letter => segment(letter.repeat(30))),
          70,
        ),
      ),
    ).toEqual([['a'.repeat(30), 'b'.repeat(30)], ['c'.repeat(30)]])
  })

  test.each([
    ['a paragraph', `${'x'.repeat(80)}. y z\n\n`, `more. and ${'x'.repeat(80)}`],
    ['a sentence', `${'x'.repeat(80)} y. `, `more and ${'x'.repeat(80)}`],
    ['a line', `${'x'.repeat(80)} y\n`, `more and ${'x'.repeat(80)}`],
    ['a word', `${'x'.repeat(80)} `, `more${'x'.repeat(80)}`],
  ])('a long text is cut after %s', (_, head, rest) => {
    const [first] = texts(batchesOf([segment(head + rest)], 100))
    expect(first).toEqual([head])
  })

  test('a phrase across a cut stands whole in one of the pieces', () => {
    const text = `${'x'.repeat(990)}IGNORE-ALL-RULES${'x'.repeat(990)}`
    expect(texts(batchesOf([segment(text)], 1000)).flat()).toContainEqual(
      expect.stringContaining('IGNORE-ALL-RULES'),
    )
  })

  test('a surrogate pair is never cut', () => {
    for (const max of [100, 101]) {
      const pieces = batchesOf([segment('😀'.repeat(200))], max).flat()
      expect(pieces.filter(({ text }) => !text.isWellFormed())).toEqual([])
    }
  })

  test('every character is in a piece at its own place, none is cut in two', () => {
    const character = fc.constantFrom('a', ' ', '\n', '. ', '😀', 'é', '\n\n')
    fc.assert(
      fc.property(
        fc.array(character, { maxLength: 900 }),
        fc.integer({ min: 100, max: 300 }),
        (parts, max) => {
          const text = `x${parts.join('')}x`
          const pieces = batchesOf([segment(text)], max).flat()
          let covered = 0
          for (const { start, text: piece } of pieces) {
            expect(start).toBeLessThanOrEqual(covered)
            expect(piece.length).toBeLessThanOrEqual(max)
            expect(text.slice(start, start + piece.length)).toBe(piece)
            expect(piece.isWellFormed()).toBe(true)
            covered = start + piece.length
          }
          expect(covered).toBe(text.length)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('twenty requests are the most', () => {
    const of = (count: number) => Array.from({ length: count }, () => segment('x'.repeat(500)))
    expect(batchesOf(of(20), 500)).toHaveLength(20)
    expect(() => batchesOf(of(21), 500)).toThrow(expect.objectContaining({ reason: 'over-limit' }))
  })
})

test('of what was asked the newest texts are shown, as many as fit', () => {
  const asked = ['aaaa', ' ', 'bbbb', 'cccc'].map(text => segment(text))
  expect(newestWithin(asked, 12).map(({ text }) => text)).toEqual(['bbbb', 'cccc'])
  expect(newestWithin(asked, 100).map(({ text }) => text)).toEqual(['aaaa', 'bbbb', 'cccc'])
  expect(newestWithin(asked, 3)).toEqual([])
})

describe('asking', () => {
  const ask = (...answers: readonly (Verdict | Error)[]) => {
    const batches = answers.map((_, index) => [
      { segment: index, start: 0, role: 'user' as const, text: 'x' },
    ])
    return askAll(batches, async ([piece]) => {
      const answer = answers[piece?.segment ?? 0]
      if (answer === undefined || answer instanceof Error) throw answer
      return answer
    })
  }
  const flagged = (detector: string, more: object = {}): Verdict => ({
    kind: 'flagged',
    findings: [{ detector, ...more }],
    requestId: `id-${detector}`,
  })
  const span = { segment: 0, start: 1, end: 2 }
  const failure = new GuardrailFailure('rate-limited', 'as the test wants')

  test('nothing to ask is clean', async () => {
    expect(await ask()).toEqual({ kind: 'clean', requestId: undefined })
  })

  test('the findings of all batches come together, each once, with the id of what flagged', async () => {
    const clean: Verdict = { kind: 'clean', requestId: 'id-clean' }
    const a = flagged('a', { span, score: 0.2 })
    expect(await ask(clean, a, flagged('a', { span, score: 0.7 }), flagged('a'))).toEqual({
      kind: 'flagged',
      findings: [{ detector: 'a', span, score: 0.7 }, { detector: 'a' }],
      requestId: 'id-a',
    })
    expect(await ask({ kind: 'clean' }, clean)).toEqual(clean)
  })

  test('one failure is the outcome where nothing was found', async () => {
    await expect(ask({ kind: 'clean' }, failure)).rejects.toBe(failure)
  })

  test('a failure hides no finding, and keeps what was found from counting as all', async () => {
    expect(await ask(failure, flagged('a', { span }))).toMatchObject({
      kind: 'flagged',
      findings: [{ detector: 'a', span }, { detector: 'unscanned' }],
      incomplete: failure.reason,
    })
  })
})
