import { type ConfigProblem, WeirError } from '../errors.ts'
import { crossCheck } from './cross-checks.ts'
import { keyHintsOf } from './json-schema.ts'
import { fillLists, listFilePaths } from './list-files.ts'
import { dottedPath, problemsFrom } from './problems.ts'
import { type Config, configSchema } from './schema.ts'
import { type SecretBlock, secretBlocksOf } from './secret-keys.ts'
import { textsIn } from './secret-paths.ts'
import { isReference, parseReference, type SecretReference } from './secret-reference.ts'
import { resolveSecret, type SecretSources } from './secrets.ts'
import { parseYaml } from './yaml.ts'

/**
 * Values of secret keys, references resolved: by the place of their block (a guardrail's name, or `redactPlace`), then
 * by their path in it, keys joined by dots.
 */
export type ResolvedSecrets = ReadonlyMap<string, ReadonlyMap<string, string>>

/** Where a config finds what it only refers to. */
export interface ConfigSources extends SecretSources {
  /** The text of a file whose lines are entries of a list. Throws what `fs` throws. */
  readonly readList: (path: string) => string
}

/** A valid config. Its secret keys still hold what the file says; the values stand apart, in `secrets` only. */
export interface LoadedConfig {
  readonly config: Config
  readonly secrets: ResolvedSecrets
  /** What no log line may hold. */
  readonly secretValues: readonly string[]
}

/**
 * What the secret keys of a config refer to, each reference as often as it stands there: for what has to be asked
 * before the config is loaded.
 *
 * @throws WeirError `bad-config` for a text that is not YAML
 */
export function referencesIn(text: string): readonly SecretReference[] {
  return secretBlocksOf(parseYaml(text)).flatMap(({ block, patterns }) =>
    textsIn(block, patterns).flatMap(({ text: given, is }) => {
      const reference = is === 'secret' ? parseReference(given) : undefined
      return reference === undefined || reference.kind === 'problem' ? [] : [reference]
    }),
  )
}

/**
 * The files that a config takes entries of lists from.
 *
 * @throws WeirError `bad-config` for a text that is not YAML
 */
export function listFilesIn(text: string): readonly string[] {
  return listFilePaths(parseYaml(text))
}

/**
 * Reads the text of a config file.
 *
 * @throws WeirError `bad-config` with every problem that was found, syntax errors with their line
 */
export function loadConfig(text: string, sources: ConfigSources): LoadedConfig {
  const written = parseYaml(text)
  if (written === null || written === undefined)
    throw badConfig([{ path: '', message: 'the config is empty' }])
  const { raw, problems: fileProblems, atItsLine } = fillLists(written, sources.readList)
  const parsed = configSchema.safeParse(raw, { reportInput: true })
  const { secrets, secretValues, problems: secretProblems } = resolveSecrets(raw, sources)
  const problems = [
    ...fileProblems,
    ...(parsed.success ? [] : problemsFrom(parsed.error.issues, keyHintsOf(raw)).map(atItsLine)),
    ...crossCheck(raw),
    ...secretProblems,
  ]
  if (!parsed.success || problems.length > 0) throw badConfig(problems)
  return { config: parsed.data, secrets, secretValues }
}

/** The error that lists all problems of a config. */
export function badConfig(problems: readonly ConfigProblem[]): WeirError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return new WeirError('bad-config', `the config has ${count}`, { problems })
}

interface Resolution {
  readonly secrets: ResolvedSecrets
  readonly secretValues: readonly string[]
  readonly problems: readonly ConfigProblem[]
}

/** Works on the raw config, so that its problems show beside those of the schema. */
function resolveSecrets(raw: unknown, sources: SecretSources): Resolution {
  const blocks = secretBlocksOf(raw).map(block => ({ place: block.place, ...resolveBlock(block, sources) }))
  return {
    secrets: new Map(blocks.map(({ place, values }) => [place, values])),
    secretValues: blocks.flatMap(({ scrubbed }) => scrubbed),
    problems: blocks.flatMap(({ problems }) => problems),
  }
}

interface ResolvedBlock {
  readonly values: ReadonlyMap<string, string>
  readonly scrubbed: readonly string[]
  readonly problems: readonly ConfigProblem[]
}

function resolveBlock({ path, block, patterns }: SecretBlock, sources: SecretSources): ResolvedBlock {
  const values = new Map<string, string>()
  const scrubbed: string[] = []
  const problems: ConfigProblem[] = []
  for (const { path: inside, text, is } of textsIn(block, patterns)) {
    // The schema says of an empty text that it is empty.
    if (text === '') continue
    const problem = (message: string) => problems.push({ path: dottedPath([...path, ...inside]), message })
    if (is === 'plain') {
      if (isReference(text)) problem('is not a secret key: a reference cannot stand here')
      continue
    }
    const resolution = resolveSecret(text, sources)
    if (resolution.kind === 'problem') {
      problem(resolution.message)
      continue
    }
    values.set(inside.join('.'), resolution.value)
    scrubbed.push(
      ...scrubbedOf(resolution.value, isReference(text) || inside.length === 1 ? 'secret' : 'maybe'),
    )
  }
  return { values, scrubbed, problems }
}

/** A plain value beside secrets, such as a header's, may be a word that the log needs: a shorter one stays there. */
const MIN_MAYBE_SECRET = 8

/** A header's value may be a scheme and a key, a URL may hold a password, and these alone would tell as much. */
function scrubbedOf(value: string, is: 'secret' | 'maybe'): readonly string[] {
  if (is === 'maybe' && value.length < MIN_MAYBE_SECRET) return []
  const credentials = /^[A-Za-z-]+ +(\S{8,})$/.exec(value)?.[1]
  return [value, ...(credentials === undefined ? [] : [credentials]), ...passwordIn(value)]
}

/** As it is written there, and as the server gets it. */
function passwordIn(value: string): readonly string[] {
  const password = URL.parse(value)?.password ?? ''
  if (password === '') return []
  try {
    return [...new Set([password, decodeURIComponent(password)])]
  } catch {
    return [password]
  }
}
