import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { compile } from '../../src/config/compile.ts'
import { configJsonSchema } from '../../src/config/json-schema.ts'
import { loadConfig, referencesIn } from '../../src/config/load.ts'
import { createHttpClient } from '../../src/service/http-client.ts'
import { openVerdictCaches } from '../../src/verdict-cache/verdict-caches.ts'
import { guardrailDeps } from '../support/guard-http.ts'

const STAND_IN = 'stand-in-for-a-secret-of-enough-length'
const LIST = '# a comment\nblue heron\n'

const SCHEMA = configJsonSchema().properties ?? {}
/** The keys at the top of a config, of a policy and of a rule. */
const KEYS = {
  config: keysOf(SCHEMA),
  policy: keysOf(SCHEMA.policies?.items?.properties),
  rule: keysOf(SCHEMA.policies?.items?.properties?.guardrails?.items?.properties),
} as const

type Part = keyof typeof KEYS | 'rules'

const rule = z.looseObject({ use: z.string() })
const partial = z.looseObject({
  guardrails: z.record(z.string(), z.unknown()).optional(),
  policies: z.array(z.looseObject({ guardrails: z.array(rule).optional() })).optional(),
})
type Partial = z.infer<typeof partial>

function keysOf(properties: object | undefined): ReadonlySet<string> {
  return new Set(Object.keys(properties ?? {}))
}

/** Which part of a config this YAML is; undefined when it is none. */
export function configPartOf(text: string): Part | undefined {
  const documents = parseAllDocuments(text)
  const value: unknown = documents.length === 1 ? parse(text) : undefined
  if (Array.isArray(value)) return value.every(one => hasOnly(one, 'rule')) ? 'rules' : undefined
  return (['config', 'policy', 'rule'] as const).find(part => hasOnly(value, part))
}

function hasOnly(value: unknown, part: keyof typeof KEYS): boolean {
  if (typeof value !== 'object' || value === null) return false
  const names = Object.keys(value)
  return names.length > 0 && names.every(name => KEYS[part].has(name))
}

/** The whole config that the part belongs into, with a guardrail for every name that the block leaves to its reader. */
function completed(text: string, part: Part): Partial {
  const value: unknown = parse(text)
  switch (part) {
    case 'config':
      return filled(partial.parse(value))
    case 'policy':
      return filled(partial.parse({ policies: [{ name: 'chat', ...z.looseObject({}).parse(value) }] }))
    case 'rule':
      return filled(partial.parse({ policies: [{ name: 'chat', guardrails: [value] }] }))
    case 'rules':
      return filled(partial.parse({ policies: [{ name: 'chat', guardrails: value }] }))
  }
}

function filled(config: Partial): Partial {
  const defined = Object.keys(config.guardrails ?? {})
  const policies = config.policies ?? [{ name: 'chat', guardrails: defined.map(use => ({ use })) }]
  const used = policies.flatMap(({ guardrails }) => (guardrails ?? []).map(({ use }) => use))
  const missing = used.filter(name => !defined.includes(name))
  const words = { kind: 'keywords', words: ['blue heron'] }
  return {
    ...config,
    guardrails: { ...config.guardrails, ...Object.fromEntries(missing.map(name => [name, words])) },
    policies,
  }
}

/**
 * Loads and compiles it as `weir check` does, with a stand-in for every secret and list file. Throws every problem;
 * resolves with the warnings of a whole config.
 */
export async function checkConfigBlock(text: string, part: Part): Promise<readonly string[]> {
  // A whole config is taken as it stands, comments and all.
  const config = part === 'config' && isWhole(text) ? text : JSON.stringify(completed(text, part))
  const names = referencesIn(config).flatMap(one => (one.kind === 'env' ? [one.name] : []))
  const env = Object.fromEntries(names.map(name => [name, STAND_IN]))
  const loaded = loadConfig(config, { env, readFile: () => STAND_IN, readList: () => LIST })
  const http = createHttpClient()
  const caches = openVerdictCaches(() => {})
  const close = async () => void (await Promise.all([http.close(), caches.close()]))
  const snapshot = compile(loaded, { guardrails: guardrailDeps(http.connect), caches, close })
  await snapshot.close()
  return isWhole(text) ? snapshot.warnings : []
}

function isWhole(text: string): boolean {
  const value: unknown = parse(text)
  return z.looseObject({ guardrails: z.unknown(), policies: z.array(z.unknown()) }).safeParse(value).success
}
