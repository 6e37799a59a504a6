import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { scanBody } from '../../src/cli/scan-body.ts'
import { compile } from '../../src/config/compile.ts'
import { loadConfig, referencesIn } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { guardrailKinds } from '../../src/guardrail/registry.ts'
import { placeOf } from '../../src/llm/detect.ts'
import { selectPolicy } from '../../src/policy/select.ts'
import { createHttpClient } from '../../src/service/http-client.ts'
import { openVerdictCaches } from '../../src/verdict-cache/verdict-caches.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest } from '../support/chat.ts'
import { guardrailDeps } from '../support/guard-http.ts'
import { EXAMPLE_KEY, EXAMPLE_ROWS, type ExampleRow } from './example-rows.ts'

/** What every file of words holds that an example names. */
const EXAMPLE_LINES = '# a comment\n\nblue heron\n'

type Config = { guardrails: Record<string, Record<string, unknown>> } & Record<string, unknown>

/** Every example of docs/en/guardrails.md, by its kind, a webhook's also by its dialect. */
const EXAMPLES = Object.entries(guardrailKinds).flatMap(([kind, { guide, locality }]) =>
  guide.examples.map(({ yaml }) => {
    const config: Config = parse(yaml)
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

/** As `serve` makes it; every secret that the example refers to is the one key that the stubs let in. */
function openExample(yaml: string): Snapshot {
  const references = referencesIn(yaml)
  const names = references.flatMap(reference => (reference.kind === 'env' ? [reference.name] : []))
  const env = Object.fromEntries(names.map(name => [name, EXAMPLE_KEY]))
  const loaded = loadConfig(yaml, { env, readFile: () => EXAMPLE_KEY, readList: () => EXAMPLE_LINES })
  const http = createHttpClient()
  const caches = openVerdictCaches(() => {})
  const close = async () => void (await Promise.all([http.close(), caches.close()]))
  return compile(loaded, { guardrails: guardrailDeps(http.connect), caches, close })
}

/** The example with its service at another place, and nothing else changed. */
function pointedAt(yaml: string, place: Readonly<Record<string, string>>): string {
  const { guardrails, ...others }: Config = parse(yaml)
  const moved = Object.entries(guardrails).map(([name, config]) => [name, { ...config, ...place }])
  return JSON.stringify({ ...others, guardrails: Object.fromEntries(moved) })
}

async function judged({ policySet }: Snapshot, side: 'input' | 'output', text: string) {
  const place = placeOf(CHAT_HEADERS[':path'])
  const facts = { policyName: undefined, host: undefined, path: place.path, route: undefined }
  const selection = selectPolicy(policySet, facts)
  if (selection.kind !== 'policy') throw new Error('the example takes no chat')
  const body = Buffer.from(side === 'input' ? chatRequest(text) : chatCompletion(text))
  const { policy } = selection
  return scanBody({ side, policy, body, place, contentType: 'application/json' })
}

const rowOf = (title: string): ExampleRow => {
  const row = EXAMPLE_ROWS[title]
  if (row === undefined) throw new Error(`no row for the example of ${title}`)
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
    const snapshot = openExample(service === undefined ? yaml : pointedAt(yaml, service.place))
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
