import { type ConfigProblem, WeirError } from '../errors.ts'
import { crossCheck } from './cross-checks.ts'
import { knownKeysIn } from './json-schema.ts'
import { dottedPath, problemsFrom } from './problems.ts'
import { type Config, configSchema } from './schema.ts'
import { secretKeysOf } from './secret-keys.ts'
import { isReference, resolveSecret, type SecretSources } from './secrets.ts'
import { parseYaml } from './yaml.ts'

/** Values of secret keys, references resolved: by the guardrail's name (or a use's `redactPlace`), then by key. */
export type ResolvedSecrets = ReadonlyMap<string, ReadonlyMap<string, string>>

/** A valid config. Its secret keys still hold what the file says; the values stand apart, in `secrets` only. */
export interface LoadedConfig {
  readonly config: Config
  readonly secrets: ResolvedSecrets
}

/**
 * Reads the text of a config file.
 *
 * @throws WeirError `bad-config` with every problem that was found, syntax errors with their line
 */
export function loadConfig(text: string, sources: SecretSources): LoadedConfig {
  const raw = parseYaml(text)
  if (raw === null || raw === undefined) throw badConfig([{ path: '', message: 'the config is empty' }])
  const parsed = configSchema.safeParse(raw, { reportInput: true })
  const { secrets, problems: secretProblems } = resolveSecrets(raw, sources)
  const problems = [
    ...(parsed.success ? [] : problemsFrom(parsed.error.issues, path => knownKeysIn(raw, path))),
    ...crossCheck(raw),
    ...secretProblems,
  ]
  if (!parsed.success || problems.length > 0) throw badConfig(problems)
  return { config: parsed.data, secrets }
}

/** The error that lists all problems of a config. */
export function badConfig(problems: readonly ConfigProblem[]): WeirError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return new WeirError('bad-config', `the config has ${count}`, { problems })
}

interface Resolution {
  readonly secrets: ResolvedSecrets
  readonly problems: readonly ConfigProblem[]
}

/** Works on the raw config, so that its problems show beside those of the schema. */
function resolveSecrets(raw: unknown, sources: SecretSources): Resolution {
  const secrets = new Map<string, ReadonlyMap<string, string>>()
  const problems: ConfigProblem[] = []
  const config = isRecord(raw) ? raw : {}
  const resolve = (place: string, path: string, block: unknown, secretKeys: readonly string[]): void => {
    const resolved = resolveBlock(path, block, secretKeys, sources)
    secrets.set(place, resolved.values)
    problems.push(...resolved.problems)
  }
  for (const [name, guardrail] of entriesOf(config.guardrails)) {
    const secretKeys = secretKeysOf(isRecord(guardrail) ? guardrail.kind : undefined)
    resolve(name, dottedPath(['guardrails', name]), guardrail, secretKeys)
  }
  for (const [index, policy] of listOf(config.policies).entries()) {
    for (const [position, use] of listOf(isRecord(policy) ? policy.guardrails : undefined).entries()) {
      const path = dottedPath(['policies', index, 'guardrails', position, 'redact'])
      resolve(redactPlace(index, position), path, isRecord(use) ? use.redact : undefined, ['hash_key'])
    }
  }
  return { secrets, problems }
}

/** Under which name the secrets of a use's `redact` stand. No guardrail is called so: names hold no blank. */
export function redactPlace(policy: number, use: number): string {
  return `redact of policy ${policy} use ${use}`
}

function resolveBlock(
  path: string,
  block: unknown,
  secretKeys: readonly string[],
  sources: SecretSources,
): { readonly values: ReadonlyMap<string, string>; readonly problems: readonly ConfigProblem[] } {
  const values = new Map<string, string>()
  const problems: ConfigProblem[] = []
  for (const [key, text] of entriesOf(block)) {
    if (typeof text !== 'string' || text === '') continue
    const keyPath = `${path}.${dottedPath([key])}`
    if (!secretKeys.includes(key)) {
      if (isReference(text))
        problems.push({ path: keyPath, message: 'is not a secret key: a reference cannot stand here' })
      continue
    }
    const resolution = resolveSecret(text, sources)
    if (resolution.kind === 'value') values.set(key, resolution.value)
    else problems.push({ path: keyPath, message: resolution.message })
  }
  return { values, problems }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function entriesOf(value: unknown): [string, unknown][] {
  return isRecord(value) ? Object.entries(value) : []
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
