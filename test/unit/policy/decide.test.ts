import { describe, expect, test } from 'vitest'
import type { Outcome } from '../../../src/guardrail/guardrail.ts'
import {
  canIntervene,
  canRestore,
  decide,
  isFinal,
  mostTelling,
  onlyWatches,
  type RuleOutcome,
  shadowOfAll,
  shadowsOf,
} from '../../../src/policy/decide.ts'
import type { Action, Rule } from '../../../src/policy/policy.ts'
import { flagWord, remoteGuardrail, rule } from '../../support/policies.ts'

const span = { segment: 0, start: 0, end: 1 }
const clean: Outcome = { kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 }
const flagged: Outcome = {
  kind: 'verdict',
  verdict: { kind: 'flagged', findings: [{ detector: 'd', span }] },
  ms: 1,
}
const spanless: Outcome = {
  kind: 'verdict',
  verdict: { kind: 'flagged', findings: [{ detector: 'd', span }, { detector: 'e' }] },
  ms: 1,
}
const findingless: Outcome = { kind: 'verdict', verdict: { kind: 'flagged', findings: [] }, ms: 1 }
const failed: Outcome = { kind: 'failure', reason: 'timeout', ms: 1 }

const partly: Outcome = {
  kind: 'verdict',
  verdict: { kind: 'flagged', findings: [{ detector: 'd', span }], incomplete: 'timeout' },
  ms: 1,
}

const guardrail = flagWord('x')
const one = (outcome: Outcome, action: Action, fail: 'fail-open' | 'fail-closed' = 'fail-closed') => ({
  rule: rule(guardrail, action, fail),
  outcome,
})

describe('the truth table', () => {
  test.each<[string, Outcome, Action, 'fail-open' | 'fail-closed', string]>([
    ['clean', clean, 'block', 'fail-closed', 'release clean'],
    ['clean', clean, 'redact', 'fail-closed', 'release clean'],
    ['clean', clean, 'alert', 'fail-closed', 'release clean'],
    ['flagged', flagged, 'block', 'fail-closed', 'deny flagged'],
    ['flagged', flagged, 'block', 'fail-open', 'deny flagged'],
    ['flagged', flagged, 'redact', 'fail-closed', 'redact'],
    ['flagged', flagged, 'redact', 'fail-open', 'redact'],
    ['flagged without a place', spanless, 'redact', 'fail-closed', 'deny flagged'],
    ['flagged without a finding', findingless, 'redact', 'fail-closed', 'deny flagged'],
    ['flagged', flagged, 'alert', 'fail-closed', 'release alerted'],
    ['flagged', flagged, 'alert', 'fail-open', 'release alerted'],
    ['failure', failed, 'block', 'fail-closed', 'deny failed-closed'],
    ['failure', failed, 'redact', 'fail-closed', 'deny failed-closed'],
    ['failure', failed, 'alert', 'fail-closed', 'deny failed-closed'],
    ['failure', failed, 'block', 'fail-open', 'release failed-open'],
    ['failure', failed, 'redact', 'fail-open', 'release failed-open'],
    ['failure', failed, 'alert', 'fail-open', 'release failed-open'],
    ['flagged in part, failed in part', partly, 'block', 'fail-open', 'deny flagged'],
    ['flagged in part, failed in part', partly, 'block', 'fail-closed', 'deny flagged'],
    ['flagged in part, failed in part', partly, 'redact', 'fail-open', 'redact'],
    ['flagged in part, failed in part', partly, 'redact', 'fail-closed', 'deny failed-closed'],
    ['flagged in part, failed in part', partly, 'alert', 'fail-open', 'release failed-open'],
    ['flagged in part, failed in part', partly, 'alert', 'fail-closed', 'deny failed-closed'],
  ])('%s, action %s %s, %s: %s', (_name, outcome, action, fail, expected) => {
    const decision = decide([one(outcome, action, fail)])
    const said = decision.kind === 'redact' ? 'redact' : `${decision.kind} ${decision.because}`
    expect(said).toBe(expected)
  })

  test('an outcome is final exactly when no other can change the decision', () => {
    const outcomes = [clean, flagged, spanless, findingless, failed, partly]
    const all = outcomes.flatMap(outcome =>
      (['block', 'redact', 'alert'] as const).flatMap(action =>
        (['fail-open', 'fail-closed'] as const).map(fail => one(outcome, action, fail)),
      ),
    )
    for (const first of all) {
      const alone = JSON.stringify(decide([first]))
      const holds = all.every(other => JSON.stringify(decide([first, other])) === alone)
      expect(isFinal(first)).toBe(holds)
    }
    expect(all.filter(isFinal).length).toBeGreaterThan(0)
  })

  test('over several rules the strictest wins, in any order', () => {
    const ladder = [
      one(clean, 'block'),
      one(flagged, 'alert'),
      one(failed, 'alert', 'fail-open'),
      one(flagged, 'redact'),
      one(failed, 'alert'),
      one(flagged, 'block'),
    ]
    ladder.forEach((stricter, index) => {
      for (const milder of ladder.slice(0, index)) {
        expect(decide([stricter, milder])).toEqual(decide([stricter]))
        expect(decide([milder, stricter])).toEqual(decide([stricter]))
      }
    })
  })

  test('redactions of several rules are all made', () => {
    const decision = decide([one(flagged, 'redact'), one(flagged, 'redact')])
    expect(decision).toMatchObject({ kind: 'redact', redactions: [{ span }, { span }] })
  })

  test('no rule, no objection', () => {
    expect(decide([])).toEqual({ kind: 'release', because: 'clean' })
  })
})

describe('what would have been', () => {
  const ACTIONS = ['block', 'redact', 'alert'] as const
  const FAILS = ['fail-open', 'fail-closed'] as const
  const OUTCOMES = [clean, flagged, spanless, findingless, failed, partly]
  const all = OUTCOMES.flatMap(outcome =>
    ACTIONS.flatMap(action => FAILS.map(fail => one(outcome, action, fail))),
  )
  const rank = { release: 0, redact: 1, deny: 2 }
  const word = { release: undefined, redact: 'redacted', deny: 'denied' }

  test.each([
    ['block', { action: 'block' }],
    ['redact', { action: 'redact' }],
    ['fail_closed', { failOpen: false }],
  ] as const)('by %s is what the table says of the rule set so, beside any other', (setting, other) => {
    for (const first of all) {
      for (const second of all) {
        const [shadow] = shadowsOf([first, second], 'obeys')
        const isSet = setting === 'fail_closed' ? first.rule.failOpen : first.rule.action === 'alert'
        const before = decide([first, second]).kind
        const after = isSet ? decide([{ ...first, rule: { ...first.rule, ...other } }, second]).kind : before
        expect(shadow?.[setting]).toBe(rank[after] > rank[before] ? word[after] : undefined)
        expect(shadow?.enforced).toBeUndefined()
      }
    }
  })

  test('had Envoy obeyed is what the rule itself led to', () => {
    for (const first of all) {
      expect(shadowsOf([first], 'only-shows')[0]?.enforced).toBe(word[decide([first]).kind])
    }
  })

  test('of all rules is the strictest of each setting', () => {
    expect(
      shadowOfAll([{ redact: 'redacted' }, { block: 'denied', redact: 'denied' }, { redact: 'redacted' }]),
    ).toEqual({ block: 'denied', redact: 'denied' })
    expect(shadowOfAll([])).toBeUndefined()
  })
})

describe('two outcomes of one rule', () => {
  const categories = ({ outcome }: RuleOutcome): readonly string[] =>
    outcome.kind === 'verdict' && outcome.verdict.kind === 'flagged'
      ? outcome.verdict.findings.map(({ detector, span: at }) => `${detector} ${at !== undefined}`)
      : []
  const whyNot = ({ outcome }: RuleOutcome): string | undefined => {
    if (outcome.kind === 'failure') return outcome.reason
    return outcome.verdict.kind === 'flagged' ? outcome.verdict.incomplete : undefined
  }

  test('lead to the stricter decision, and hide neither what was found nor that one failed', () => {
    const outcomes = [clean, flagged, spanless, failed, partly]
    for (const action of ['block', 'redact', 'alert'] as const) {
      for (const fail of ['fail-open', 'fail-closed'] as const) {
        for (const a of outcomes.map(outcome => one(outcome, action, fail))) {
          for (const b of outcomes.map(outcome => one(outcome, action, fail))) {
            const both = mostTelling(a, b)
            expect(decide([both]).kind).toBe(decide([a, b]).kind)
            expect(new Set(categories(both))).toEqual(new Set([...categories(a), ...categories(b)]))
            expect(whyNot(both)).toBe(whyNot(a) ?? whyNot(b))
          }
        }
      }
    }
  })

  test('name every category once when both flagged', () => {
    const both = mostTelling(one(flagged, 'alert'), one(spanless, 'alert'))
    expect(both.outcome).toMatchObject({ verdict: { findings: [{ detector: 'd' }, { detector: 'e' }] } })
    expect(mostTelling(both, one(flagged, 'alert'))).toBe(both)
  })

  test('of one category with a place and without both stay: the second cannot be redacted', () => {
    const placeless: Outcome = {
      kind: 'verdict',
      verdict: { kind: 'flagged', findings: [{ detector: 'd' }] },
      ms: 1,
    }
    for (const [a, b] of [
      [flagged, placeless],
      [placeless, flagged],
    ] as const) {
      const both = mostTelling(one(a, 'redact'), one(b, 'redact'))
      expect(decide([both])).toEqual({ kind: 'deny', because: 'flagged' })
      expect(categories(both)).toHaveLength(2)
    }
  })

  test('keep the first reason why a part got no verdict', () => {
    const unreachable: Outcome = { kind: 'failure', reason: 'unreachable', ms: 1 }
    expect(whyNot(mostTelling(one(partly, 'block'), one(unreachable, 'block')))).toBe('timeout')
  })

  test('keep what was wrong with the body, whichever of them has it', () => {
    const faulty = { ...one(failed, 'block'), bodyFault: 'undecodable' } as const
    const also = { ...one(spanless, 'block'), bodyFault: 'over-limit' } as const
    const bodyFault = 'undecodable'
    expect(mostTelling(one(flagged, 'block'), faulty)).toMatchObject({ bodyFault })
    expect(mostTelling(faulty, one(flagged, 'block'))).toMatchObject({ bodyFault })
    expect(mostTelling(one(flagged, 'block'), also)).toMatchObject({ bodyFault: 'over-limit' })
    expect(mostTelling(one(flagged, 'block'), one(spanless, 'block'))).not.toHaveProperty('bodyFault')
  })
})

test('a redaction has the style of its rule', () => {
  const style = { kind: 'mask' } as const
  const masking = { ...one(flagged, 'redact'), rule: { ...rule(guardrail, 'redact'), redact: style } }
  expect(decide([masking])).toMatchObject({ redactions: [{ detector: 'd', style }] })
})

test('only a remote rule that cannot intervene only watches', () => {
  const remote = remoteGuardrail()
  expect(onlyWatches(rule(remote, 'alert', 'fail-open'))).toBe(true)
  expect(onlyWatches(rule(remote, 'alert'))).toBe(false)
  expect(onlyWatches(rule(remote, 'block', 'fail-open'))).toBe(false)
  expect(onlyWatches(rule(guardrail, 'alert', 'fail-open'))).toBe(false)
})

test('what is put back is what a rule redacts so', () => {
  const restored = { kind: 'replace', restore: true } as const
  const styled = (redact: Rule['redact'], action: Action = 'redact'): Rule => ({
    ...rule(guardrail, action),
    ...(redact !== undefined && { redact }),
  })
  expect(canRestore([styled({ kind: 'mask' }), styled(restored)])).toBe(true)
  for (const other of [
    styled(undefined),
    styled({ kind: 'mask' }),
    styled({ kind: 'replace', restore: false }),
    styled(restored, 'block'),
  ]) {
    expect(canRestore([other])).toBe(false)
  }
})

test('only alert with fail_open, throughout, can never intervene', () => {
  expect(canIntervene([])).toBe(false)
  expect(canIntervene([rule(guardrail, 'alert', 'fail-open')])).toBe(false)
  for (const [action, fail] of [
    ['alert', 'fail-closed'],
    ['block', 'fail-open'],
    ['redact', 'fail-open'],
  ] as const) {
    expect(canIntervene([rule(guardrail, 'alert', 'fail-open'), rule(guardrail, action, fail)])).toBe(true)
  }
})
