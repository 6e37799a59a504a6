import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { guardrailKinds } from '../../src/guardrail/registry.ts'
import { EXAMPLE_ROWS, type ExampleRow } from './example-rows.ts'
import { type ExampleConfig, judged, openExample, pointedAt } from './example-run.ts'

/** Every example of docs/en/guardrails.md, by its kind, a webhook's also by its dialect. */
const EXAMPLES = Object.entries(guardrailKinds).flatMap(([kind, { guide, locality }]) =>
  guide.examples.map(({ yaml }) => {
    const config: ExampleConfig = parse(yaml)
    const [guardrail = {}] = Object.values(config.guardrails)
    const { dialect } = guardrail
    return {
      title: typeof dialect === 'string' ? `${kind} ${dialect}` : kind,
      kind,
      locality,
      guardrail,
      yaml,
    }
  }),
)

const rowOf = (title: string): ExampleRow => {
  const row = EXAMPLE_ROWS[title]
  if (row === undefined) throw new Error(`no row for the example of ${title}: add one to EXAMPLE_ROWS`)
  return row
}

describe.each(EXAMPLES)('the example of $title', ({ title, kind, locality, guardrail, yaml }) => {
  const clean = 'what is new in the garden?'

  test('is a config without a warning, of its own kind, whose secrets are references', async () => {
    const snapshot = openExample(yaml)
    try {
      expect(snapshot.warnings).toEqual([])
      expect(guardrail.kind).toBe(kind)
      for (const key of ['api_key', 'access_token'].filter(one => one in guardrail))
        expect(guardrail[key]).toMatch(/^\$(?:env|secret):\/\//)
    } finally {
      await snapshot.close()
    }
  })

  test.each(['input', 'output'] as const)('lets clean text pass, and flagged text not, on %s', async side => {
    const { flagged, expected, start } = rowOf(title)
    expect(start === undefined).toBe(locality === 'local')
    await using service = await start?.()
    const snapshot = openExample(service === undefined ? yaml : pointedAt(yaml, kind, service.place))
    try {
      expect(await judged(snapshot, side, clean)).toMatchObject({ decision: 'release', because: 'clean' })
      const before = `see 😀 `
      const report = await judged(snapshot, side, `${before}${flagged} there`)
      const decision = expected[side]
      expect(report).toMatchObject({ decision, because: decision === 'release' ? 'clean' : 'flagged' })
      const stretches = report.redactions.map(({ start: from, end }) => [from, end])
      const wanted = [before.length, before.length + flagged.length]
      expect(stretches).toEqual(decision === 'redact' ? [wanted] : [])
    } finally {
      await snapshot.close()
    }
  })
})
