import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { type JsonSchema, jsonSchemaOf } from '../../../src/config/json-schema.ts'
import { policySchema } from '../../../src/config/policy-schema.ts'
import { snapshotOf } from './given.ts'

type Settings = Readonly<Record<string, unknown>>

/** Each key of a policy with a value that is not its default. `[]` stands for the policy's one use of a guardrail. */
const OTHERWISE: Settings = {
  name: 'other',
  'match.hosts': ['api.example.com'],
  'match.paths': ['/v1/'],
  'match.routes': ['llm'],
  'guardrails[].use': 'words',
  'guardrails[].direction': 'output',
  'guardrails[].mode': 'post_call',
  'guardrails[].action': 'alert',
  'guardrails[].fail_open': true,
  'guardrails[].scan': 'latest_turn',
  'guardrails[].roles': ['user'],
  'guardrails[].redact.style': 'mask',
  'guardrails[].redact.restore': true,
  'guardrails[].output_context': 'conversation',
  'stream.delivery': 'window',
  'stream.heartbeat_ms': 7,
  'stream.max_held_bytes': 7,
  'stream.max_duration_ms': 7,
  'stream.headers': 'on_first_release',
  'stream.on_held_limit': 'deny',
  'stream.hold_back_chars': 7,
  'stream.window.first_chars': 7,
  'stream.window.growth': 7,
  'stream.window.max_chars': 777,
  'stream.window.context_chars': 7,
  'stream.window.max_held_ms': 7,
  'limits.max_request_bytes': 7,
  'limits.max_response_bytes': 7,
  fail_mode: 'error',
  deny_code: 400,
  request_failure_message: 'other',
  response_failure_message: 'other',
  reveal_failure_categories: true,
  finish_reason: 'stop',
  uninspectable: 'deny',
  canonicalize: true,
  deny_format: 'guardrail_violation',
}

/** A key shows in what the digests are, which compile.test.ts looks at. */
const UNSEEN = ['guardrails[].redact.hash_key']

function keysOf({ properties = {}, items }: JsonSchema, path = ''): readonly string[] {
  if (items?.properties !== undefined) return keysOf(items, `${path}[]`)
  const children = Object.entries(properties)
  if (children.length === 0) return [path]
  return children.flatMap(([name, child]) => keysOf(child, path === '' ? name : `${path}.${name}`))
}

/** The settings with one more, at that place. */
function having(settings: Settings, [name = '', ...rest]: readonly string[], value: unknown): Settings {
  if (rest.length === 0) return { ...settings, [name]: value }
  const inner = settings[name]
  return { ...settings, [name]: having(isSettings(inner) ? inner : {}, rest, value) }
}

function isSettings(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null
}

/** What exchanges run on, as far as it can be shown. */
function compiled(key?: string): string {
  const path = key?.replace('guardrails[].', 'use.').split('.') ?? []
  const given = { name: 'p', use: { use: 'pii', action: 'redact' } }
  const { use, ...policy } = key === undefined ? given : having(given, path, OTHERWISE[key])
  const guardrails = { pii: { kind: 'local-pii' }, words: { kind: 'keywords', words: ['x'] } }
  const { policySet } = snapshotOf(stringify({ guardrails, policies: [{ ...policy, guardrails: [use] }] }))
  return inspect(policySet.policies[0], { depth: 4 })
}

test('every key of a policy is here', () => {
  const known = [...Object.keys(OTHERWISE), ...UNSEEN]
  expect(known.toSorted(), 'give a new key a value in OTHERWISE').toEqual(
    [...keysOf(jsonSchemaOf(policySchema))].toSorted(),
  )
})

test.each(Object.keys(OTHERWISE))('%s reaches what exchanges run on', key =>
  expect(compiled(key), 'compilePolicy in src/config/compile.ts leaves it out').not.toBe(compiled()),
)
