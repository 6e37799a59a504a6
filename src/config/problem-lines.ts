import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { type ConfigProblem, WeirError } from '../errors.ts'
import { dottedPath } from './problems.ts'

/**
 * An error about a file, told by its name: each problem with the line of `text` that its path leads to, or of the nearest
 * key above it that is there, in the order of the file. Any other error, and one about no file, stays as it is.
 */
export function inFile(error: unknown, file: string | undefined, text: string): unknown {
  if (file === undefined || !(error instanceof WeirError) || error.code !== 'bad-config') return error
  const lineOf = lineFinder(text)
  const placed = error.problems.map(
    (problem): ConfigProblem => ({ ...problem, line: problem.line ?? lineOf(problem.path) }),
  )
  const problems = placed.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))
  return new WeirError(error.code, `${file}: ${error.message}`, { cause: error, problems })
}

/** Gives the line of a dotted path, from 1; undefined where not even its first key is there. */
function lineFinder(text: string): (path: string) => number | undefined {
  const lines = new LineCounter()
  const { contents } = parseDocument(text, { lineCounter: lines, logLevel: 'silent' })
  return path => {
    let node: unknown = contents
    let offset: number | undefined
    for (let rest = path; ; ) {
      const child = childOn(rest, node)
      if (child === undefined) return offset === undefined ? undefined : lines.linePos(offset).line
      offset = child.offset ?? offset
      node = child.node
      rest = rest.slice(child.name.length + 1)
    }
  }
}

interface Child {
  /** As a dotted path has it. */
  readonly name: string
  /** Where it begins in the text. */
  readonly offset: number | undefined
  readonly node: unknown
}

/** The child that a dotted path goes by first. Names may hold dots: the longest that fits is meant. */
function childOn(path: string, node: unknown): Child | undefined {
  return childrenOf(node)
    .filter(({ name }) => path === name || path.startsWith(`${name}.`))
    .toSorted((a, b) => b.name.length - a.name.length)[0]
}

function childrenOf(node: unknown): readonly Child[] {
  if (isMap(node)) {
    return node.items.flatMap(({ key, value }) =>
      isScalar(key) ? [{ name: dottedPath([String(key.value)]), offset: key.range?.[0], node: value }] : [],
    )
  }
  if (!isSeq(node)) return []
  return node.items.map((item, index) => ({ name: String(index), offset: startOf(item), node: item }))
}

function startOf(item: unknown): number | undefined {
  return isMap(item) || isSeq(item) || isScalar(item) ? item.range?.[0] : undefined
}
