import { expect } from 'vitest'
import type { Finding, LocalGuardrail } from '../../../src/guardrail/guardrail.ts'
import { ANSWER, findingsIn, output } from './segments.ts'

function sorted(findings: readonly Finding[]): readonly string[] {
  return findings
    .map(({ detector, score, span }) => `${detector} ${score} ${span?.start}-${span?.end}`)
    .sort()
}

/** Judges a text that comes in these pieces, and checks that nothing is found before what was called safe. */
export function findingsOfPieces(guardrail: LocalGuardrail, pieces: readonly string[]): readonly Finding[] {
  const scan = guardrail.openScan?.(ANSWER)
  if (scan === undefined) throw new Error('it does not judge streams')
  const found: Finding[] = []
  let safeTo = 0
  let length = 0
  const take = (progress: ReturnType<typeof scan.push>): void => {
    for (const finding of progress.findings) expect(finding.span?.start).toBeGreaterThanOrEqual(safeTo)
    expect(progress.safeTo).toBeGreaterThanOrEqual(safeTo)
    expect(progress.safeTo).toBeLessThanOrEqual(length)
    found.push(...progress.findings)
    safeTo = progress.safeTo
  }
  for (const piece of pieces) {
    length += piece.length
    take(scan.push(piece))
  }
  take(scan.end())
  expect(safeTo).toBe(length)
  return found
}

/** Whether a text that comes in these pieces has the findings of the whole. */
export function expectSameInPieces(guardrail: LocalGuardrail, pieces: readonly string[]): void {
  const text = pieces.join('')
  expect(sorted(findingsOfPieces(guardrail, pieces)), JSON.stringify(pieces)).toEqual(
    sorted(findingsIn(guardrail, output(text))),
  )
}

/** Whether a text has the findings of the whole wherever it is cut in two, and unit by unit. */
export function expectSameAtEveryCut(guardrail: LocalGuardrail, text: string): void {
  for (let at = 0; at <= text.length; at++) expectSameInPieces(guardrail, [text.slice(0, at), text.slice(at)])
  expectSameInPieces(guardrail, text.split(''))
}
