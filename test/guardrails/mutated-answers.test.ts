import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Outcome } from '../../src/guardrail/guardrail.ts'
import { checkedVerdict } from '../../src/guardrail/run-scan.ts'
import { GUARD_KINDS } from '../support/guard-kinds.ts'
import { input } from '../unit/guardrail/segments.ts'
import { mutatedAnswers, singleMutations } from './mutations.ts'
import { BARE, type KindRig, openKind, TEXT_CANARY } from './rig.ts'

/** The service's own answers to clean and to flagged text. */
async function answersOf(rig: KindRig, flagged: string): Promise<{ clean: unknown; flagged: unknown }> {
  for (const text of ['all fine', flagged]) await rig.scan(input(`${TEXT_CANARY} ${text}`))
  const [first, second] = rig.front.answers.map(({ body }): unknown => JSON.parse(body))
  return { clean: first, flagged: second }
}

async function withAnswer(rig: KindRig, body: string, text = `${TEXT_CANARY} hi`): Promise<Outcome> {
  rig.front.fault = { kind: 'body', body }
  return rig.scan(input(text))
}

const isClean = (outcome: Outcome) => outcome.kind === 'verdict' && outcome.verdict.kind === 'clean'

describe.each(GUARD_KINDS)('$title', kind => {
  test('a clean answer is clean no more without a field that decides', async () => {
    await using rig = await openKind(kind, BARE)
    const { clean } = await answersOf(rig, kind.flagged)
    const wrong: string[] = []
    for (const { place, what, body } of singleMutations(clean)) {
      const outcome = await withAnswer(rig, body)
      if (isClean(outcome) && !kind.undecided.test(place)) wrong.push(`${place} = ${what}`)
    }
    expect(wrong).toEqual([])
  })

  test('a flagged answer is never clean, whichever field is gone', async () => {
    await using rig = await openKind(kind, BARE)
    const { flagged } = await answersOf(rig, kind.flagged)
    const wrong: string[] = []
    for (const { place, what, body } of singleMutations(flagged)) {
      // The list of what was found, empty, is the answer to clean text.
      if (kind.title === 'presidio' && body === '[]') continue
      if (isClean(await withAnswer(rig, body, `${TEXT_CANARY} ${kind.flagged}`)))
        wrong.push(`${place} = ${what}`)
    }
    expect(wrong).toEqual([])
  })

  test('any answer leads to an outcome', async () => {
    await using rig = await openKind(kind, BARE)
    const { clean, flagged } = await answersOf(rig, kind.flagged)
    const subject = input(`${TEXT_CANARY} hi`)
    await fc.assert(
      fc.asyncProperty(mutatedAnswers([clean, flagged]), async body => {
        rig.front.fault = { kind: 'body', body }
        const outcome = await rig.scan(subject)
        // What an answer is like is the service's fault, never one of ours.
        if (outcome.kind === 'failure') expect(outcome.reason).toBe('bad-response')
        else expect(checkedVerdict(outcome.verdict, subject)).toBe(outcome.verdict)
        expect(outcome.ms).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 1000 },
    )
  })
})
