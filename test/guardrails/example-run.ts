import { parse } from 'yaml'
import { compile } from '../../src/config/compile.ts'
import { loadConfig, referencesIn } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { placeOf } from '../../src/llm/detect.ts'
import { selectPolicy } from '../../src/policy/select.ts'
import { type ScanReport, scanBody } from '../../src/rehearsal/scan-body.ts'
import { createHttpClient } from '../../src/service/http-client.ts'
import { openVerdictCaches } from '../../src/verdict-cache/verdict-caches.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest } from '../support/chat.ts'
import { guardrailDeps } from '../support/guard-http.ts'
import { EXAMPLE_KEY } from './example-rows.ts'

/** What every file of words holds that an example names. */
const EXAMPLE_LINES = '# a comment\n\nblue heron\n'

/** A config as far as these tests read it. */
export type ExampleConfig = { guardrails: Record<string, Record<string, unknown>> } & Record<string, unknown>

/** As `serve` makes it; every secret that the example refers to is the one key that the stubs let in. */
export function openExample(yaml: string): Snapshot {
  const loaded = loadConfig(yaml, {
    env: keysFor(yaml),
    readFile: () => EXAMPLE_KEY,
    readList: () => EXAMPLE_LINES,
  })
  const http = createHttpClient()
  const caches = openVerdictCaches(() => {})
  const close = async () => void (await Promise.all([http.close(), caches.close()]))
  return compile(loaded, { guardrails: guardrailDeps(http.connect), caches, close })
}

/** The environment that the references of an example ask for. */
export function keysFor(yaml: string): Record<string, string> {
  const names = referencesIn(yaml).flatMap(reference => (reference.kind === 'env' ? [reference.name] : []))
  return Object.fromEntries(names.map(name => [name, EXAMPLE_KEY]))
}

/** The example with the service of a kind at another place, and nothing else changed. */
export function pointedAt(yaml: string, kind: string, place: Readonly<Record<string, string>>): string {
  const { guardrails, ...others }: ExampleConfig = parse(yaml)
  const moved = Object.entries(guardrails).map(([name, config]) => [
    name,
    config.kind === kind ? { ...config, ...place } : config,
  ])
  return JSON.stringify({ ...others, guardrails: Object.fromEntries(moved) })
}

/** What the policy that takes chat completions decides about a text. */
export function judged({ policySet }: Snapshot, side: 'input' | 'output', text: string): Promise<ScanReport> {
  const place = placeOf(CHAT_HEADERS[':path'])
  const facts = { policyName: undefined, host: undefined, path: place.path, route: undefined }
  const selection = selectPolicy(policySet, facts)
  if (selection.kind !== 'policy') throw new Error('the example takes no chat')
  const body = Buffer.from(side === 'input' ? chatRequest(text) : chatCompletion(text))
  const { policy } = selection
  return scanBody({ side, policy, body, place, contentType: 'application/json' })
}
