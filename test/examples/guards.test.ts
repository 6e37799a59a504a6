import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { guardrailKinds } from '../../src/guardrail/registry.ts'
import { EXAMPLE_ROWS, type ExampleRow } from '../guardrails/example-rows.ts'
import { type ExampleConfig, judged, openExample, pointedAt } from '../guardrails/example-run.ts'
import { configsIn, textOf } from './files.ts'

interface Guard {
  /** In EXAMPLE_ROWS; the name of the file when left out. */
  readonly row?: string
  readonly flagged?: string
  readonly expected?: Partial<ExampleRow['expected']>
}

/** Where a config does otherwise than the examples of docs/en/guardrails.md. */
const OTHERWISE: Readonly<Record<string, Guard>> = {
  'guards/webhook': { row: 'webhook template' },
  'guards/webhook-litellm': { row: 'webhook litellm' },
  // What has no place is denied, although the rule would redact.
  'guards/bedrock': { expected: { input: 'deny', output: 'deny' } },
  'guards/llm-judge': { expected: { output: 'release' } },
  'guards/keywords': { flagged: 'blue heron' },
  'guards/local-pii': { flagged: 'ann@example.net' },
  'guards/local-secrets': { expected: { input: 'deny' } },
  // An address would be redacted before Presidio is asked.
  'guards/presidio': { flagged: '202-555-0143' },
}

const GUARDS = configsIn('guards').map(name => {
  const file = name.slice('guards/'.length)
  const { row: title = file, ...otherwise } = OTHERWISE[name] ?? {}
  const row = EXAMPLE_ROWS[title]
  if (row === undefined)
    throw new Error(`no row for ${name}: add one to EXAMPLE_ROWS, or name its row in OTHERWISE`)
  const yaml = textOf(`${name}.yaml`)
  const expected = { ...row.expected, ...otherwise.expected }
  return {
    name,
    kind: title.split(' ')[0] ?? '',
    yaml,
    start: row.start,
    flagged: row.flagged,
    ...otherwise,
    expected,
  }
})

test('every kind of guardrail has a config to start from', () => {
  const started = new Set(GUARDS.map(({ kind }) => kind))
  const missing = Object.keys(guardrailKinds).filter(kind => !started.has(kind))
  expect(
    missing,
    'each wants a .yaml and a .cases.yaml in examples/guards/, and a row in examples/README.md',
  ).toEqual([])
})

describe.each(GUARDS)('$name', ({ kind, yaml, start, flagged, expected }) => {
  test('is of its kind', () => {
    const { guardrails }: ExampleConfig = parse(yaml)
    expect(Object.values(guardrails).map(guardrail => guardrail.kind)).toContain(kind)
  })

  test.each(['input', 'output'] as const)('asks its service, and does as it says, on %s', async side => {
    await using service = await start?.()
    const snapshot = openExample(service === undefined ? yaml : pointedAt(yaml, kind, service.place))
    try {
      expect(await judged(snapshot, side, 'what is new in the garden?')).toMatchObject({
        decision: 'release',
        because: 'clean',
      })
      const decision = expected[side]
      expect(await judged(snapshot, side, `see 😀 ${flagged} there`)).toMatchObject({
        decision,
        because: decision === 'release' ? 'clean' : 'flagged',
      })
    } finally {
      await snapshot.close()
    }
  })
})
