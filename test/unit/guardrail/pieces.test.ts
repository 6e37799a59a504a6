import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DetectorResult, Verdict } from '../../../src/guardrail/guardrail.ts'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import {
  askAll,
  askUntilFlagged,
  batchesOf,
  messageTexts,
  newestWithin,
  splitText,
} from '../../../src/guardrail/pieces.ts'
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

  test('the pieces of one text are those of its batches, blank ones left out', () => {
    const text = `${'word. '.repeat(60)}${' '.repeat(300)}end`
    const pieces = batchesOf([segment(text)], 100)
      .flat()
      .map(piece => piece.text)
    expect(splitText(text, 100)).toEqual(pieces)
    expect(pieces.filter(piece => piece.trim() === '')).toEqual([])
    expect(pieces.join('')).toContain('end')
    expect(splitText(' \n', 100)).toEqual([])
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

test('what belongs to one message is one text, also where choices are interleaved', () => {
  const of = (text: string, message: number) => segment(text, { message })
  expect(messageTexts([of('a0', 0), of('b0', 1), of(' ', 1), of('a1', 0)])).toEqual(['a0\na1', 'b0'])
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

describe('asking until one is flagged', () => {
  const FLAGGED: Verdict = { kind: 'flagged', findings: [{ detector: 'a' }], requestId: 'id-a' }
  const failure = new GuardrailFailure('rate-limited', 'as the test wants')
  const never = new AbortController().signal
  /** Fails once its signal aborts, as a request does. */
  const untilAborted = (signal: AbortSignal) =>
    new Promise<Verdict>((_, reject) => {
      signal.addEventListener('abort', () => reject(new GuardrailFailure('cancelled', 'aborted')))
    })

  test('a flagged answer ends the others, which then did not fail', async () => {
    const asked = await askUntilFlagged(
      ['hangs', 'flagged', 'hangs too'],
      async (text, signal) => (text === 'flagged' ? FLAGGED : untilAborted(signal)),
      never,
    )
    expect(asked).toEqual(FLAGGED)
  })

  test('a failure before it hides nothing and is told beside it', async () => {
    const failed = Promise.withResolvers<void>()
    const asked = askUntilFlagged(
      ['fails', 'flagged'],
      async text => {
        if (text === 'flagged') {
          await failed.promise
          return FLAGGED
        }
        failed.resolve()
        throw failure
      },
      never,
    )
    expect(await asked).toMatchObject({
      findings: [{ detector: 'a' }, { detector: 'unscanned' }],
      incomplete: 'rate-limited',
    })
  })

  test('clean is only what was all judged', async () => {
    const clean: Verdict = { kind: 'clean', requestId: 'id' }
    expect(await askUntilFlagged(['a', 'b'], async () => clean, never)).toEqual(clean)
    const one = async (text: string) => {
      if (text === 'b') throw failure
      return clean
    }
    await expect(askUntilFlagged(['a', 'b'], one, never)).rejects.toBe(failure)
    const abort = new AbortController()
    const asked = askUntilFlagged(['a'], (_, signal) => untilAborted(signal), abort.signal)
    abort.abort()
    await expect(asked).rejects.toMatchObject({ reason: 'cancelled' })
  })

  test('over twenty none is asked', async () => {
    const asked: number[] = []
    const ask = async (number: number): Promise<Verdict> => {
      asked.push(number)
      return { kind: 'clean' }
    }
    const numbers = Array.from({ length: 21 }, (_, index) => index)
    await expect(askUntilFlagged(numbers, ask, never)).rejects.toMatchObject({ reason: 'over-limit' })
    expect(asked).toEqual([])
    await askUntilFlagged(numbers.slice(1), ask, never)
    expect(asked).toHaveLength(20)
  })

  test('what detectors came to is told once each, as far as any came', async () => {
    const flagged = (...breakdown: readonly DetectorResult[]): Verdict => ({ ...FLAGGED, breakdown })
    const answers = [
      flagged(
        { detector: 'a', detected: false, score: 0.9 },
        { detector: 'b', detected: false, level: 'severity_2' },
        { detector: 'c', detected: false, score: 0.1 },
      ),
      flagged(
        { detector: 'a', detected: true, score: 0.2 },
        { detector: 'b', detected: false, level: 'severity_4' },
        { detector: 'c', detected: false, score: 0.2 },
      ),
    ]
    const verdict = await askAll(answers, async answer => answer)
    expect(verdict.kind === 'flagged' && verdict.breakdown).toEqual([
      { detector: 'a', detected: true, score: 0.2 },
      { detector: 'b', detected: false, level: 'severity_4' },
      { detector: 'c', detected: false, score: 0.2 },
    ])
  })
})
