import type { ConfigProblem } from '../errors.ts'
import { guardrailKinds } from '../guardrail/registry.ts'
import { fileFailure } from './file-failure.ts'
import { dottedPath } from './problems.ts'

/** A file whose lines are entries of a list of the config. */
interface ListFile {
  /** The guardrail's name in the config. */
  readonly guardrail: string
  /** The key that names files, and the position among them. */
  readonly key: string
  readonly position: number
  /** The key whose list the lines join. */
  readonly joins: string
  readonly path: string
}

/** A config whose lists hold what stands in their files, too. */
export interface FilledConfig {
  readonly raw: unknown
  readonly problems: readonly ConfigProblem[]
  /** A problem of an entry that came from a file, told by the file and its line. */
  readonly atItsLine: (problem: ConfigProblem) => ConfigProblem
}

/** The paths of all files that a config takes entries from. It takes a raw config, of whatever shape. */
export function listFilePaths(raw: unknown): readonly string[] {
  return listFilesOf(raw).map(({ path }) => path)
}

/**
 * Joins the lines of the files that a config names to its own entries, before it is checked, so that all entries are
 * held to the same rules. One entry a line; blank lines and those that begin with `#` are none. `readList` throws what
 * `fs` throws.
 */
export function fillLists(raw: unknown, readList: (path: string) => string): FilledConfig {
  const problems: ConfigProblem[] = []
  const lines = new Map<string, string>()
  const lists = new Map<string, unknown[]>()
  for (const file of listFilesOf(raw)) {
    const place = dottedPath(['guardrails', file.guardrail, file.key, file.position])
    const list = lists.get(`${file.guardrail}.${file.joins}`) ?? ownEntries(raw, file)
    lists.set(`${file.guardrail}.${file.joins}`, list)
    try {
      for (const { entry, line } of entriesOf(readList(file.path))) {
        lines.set(
          dottedPath(['guardrails', file.guardrail, file.joins, list.length]),
          `${place}: line ${line}`,
        )
        list.push(entry)
      }
    } catch (error) {
      problems.push({ path: place, message: `the file ${file.path} cannot be read: ${fileFailure(error)}` })
    }
  }
  return {
    raw: lists.size === 0 ? raw : withLists(raw, lists),
    problems,
    atItsLine: problem => ({ ...problem, path: lines.get(problem.path) ?? problem.path }),
  }
}

function listFilesOf(raw: unknown): readonly ListFile[] {
  return Object.entries(guardrailsOf(raw)).flatMap(([guardrail, block]) => {
    if (!isRecord(block)) return []
    return Object.entries(listFileKeysOf(block.kind)).flatMap(([key, joins]) => {
      const paths: unknown = block[key]
      if (!Array.isArray(paths)) return []
      return paths.flatMap((path: unknown, position) =>
        typeof path === 'string' && path !== '' ? [{ guardrail, key, position, joins, path }] : [],
      )
    })
  })
}

function listFileKeysOf(kind: unknown): Readonly<Record<string, string>> {
  const entry = Object.entries(guardrailKinds).find(([name]) => name === kind)
  return entry?.[1].listFiles ?? {}
}

/** What the config itself says; what is no list is left for the schema to report. */
function ownEntries(raw: unknown, { guardrail, joins }: ListFile): unknown[] {
  const block = guardrailsOf(raw)[guardrail]
  const own = isRecord(block) ? block[joins] : undefined
  return Array.isArray(own) ? [...own] : []
}

function* entriesOf(text: string): Generator<{ readonly entry: string; readonly line: number }> {
  for (const [index, written] of text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const entry = written.trim()
    if (entry !== '' && !entry.startsWith('#')) yield { entry, line: index + 1 }
  }
}

function withLists(raw: unknown, lists: ReadonlyMap<string, unknown>): unknown {
  if (!isRecord(raw)) return raw
  const guardrails = Object.entries(guardrailsOf(raw)).map(([name, block]) => {
    if (!isRecord(block)) return [name, block]
    const joined = Object.values(listFileKeysOf(block.kind)).flatMap(key => {
      const list = lists.get(`${name}.${key}`)
      const isOurs = block[key] === undefined || Array.isArray(block[key])
      return list === undefined || !isOurs ? [] : [[key, list]]
    })
    return [name, { ...block, ...Object.fromEntries(joined) }]
  })
  return { ...raw, guardrails: Object.fromEntries(guardrails) }
}

function guardrailsOf(raw: unknown): Readonly<Record<string, unknown>> {
  return isRecord(raw) && isRecord(raw.guardrails) ? raw.guardrails : {}
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
