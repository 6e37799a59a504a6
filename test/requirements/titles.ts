import { readFileSync } from 'node:fs'
import ts from 'typescript'

const TESTS = new URL('../', import.meta.url)
const BLOCKS = new Set(['describe'])
const CASES = new Set(['test', 'it'])
/** Of test/faults/fault.ts: the title is the row's `fault`. */
const FAULTS = new Set(['fault', 'faultCases'])
/** Of test/support/evasion.ts: each table is named by its key. */
const TABLES = 'testTables'
/** A test that is marked so proves nothing. */
const NOT_RUN = new Set(['skip', 'todo', 'fails'])

const known = new Map<string, readonly string[]>()

/**
 * Every test of a file as `block › test`, its titles as they stand in the source. `file`: under test/, without
 * `.test.ts`. Throws where there is no such file.
 */
export function titlesOf(file: string): readonly string[] {
  const found = known.get(file) ?? readTitles(new URL(`${file}.test.ts`, TESTS))
  known.set(file, found)
  return found
}

function readTitles(file: URL): readonly string[] {
  const out: string[] = []
  const visit = (node: ts.Node, blocks: readonly string[]): void => {
    const named = titled(node)
    if (named?.kind === 'skipped') return
    if (named?.kind === 'test') out.push(...named.titles.map(title => [...blocks, title].join(' › ')))
    const inside = named?.kind === 'block' ? [...blocks, named.title] : blocks
    ts.forEachChild(node, child => visit(child, inside))
  }
  visit(ts.createSourceFile(file.pathname, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest), [])
  return out
}

type Titled =
  | { readonly kind: 'block'; readonly title: string }
  | { readonly kind: 'test'; readonly titles: readonly string[] }
  | { readonly kind: 'skipped' }

function titled(node: ts.Node): Titled | undefined {
  if (!ts.isCallExpression(node)) return undefined
  const [name = '', ...modifiers] = chain(node.expression)
  const title = titleOf(node.arguments[0])
  if (BLOCKS.has(name) || CASES.has(name)) {
    if (modifiers.some(modifier => NOT_RUN.has(modifier))) return { kind: 'skipped' }
    if (title === undefined) return undefined
    return BLOCKS.has(name) ? { kind: 'block', title } : { kind: 'test', titles: [title] }
  }
  if (FAULTS.has(name)) return { kind: 'test', titles: keyed(node.arguments[0], 'fault') }
  return name === TABLES ? { kind: 'test', titles: keysOf(node.arguments[1]) } : undefined
}

/** `test.each([])` is `test`, `each`: the calls in between are seen through. */
function chain(expression: ts.Expression): readonly string[] {
  if (ts.isIdentifier(expression)) return [expression.text]
  if (ts.isPropertyAccessExpression(expression))
    return [...chain(expression.expression), expression.name.text]
  return ts.isCallExpression(expression) ? chain(expression.expression) : []
}

function titleOf(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined
}

function keyed(node: ts.Node | undefined, key: string): readonly string[] {
  if (node === undefined || !ts.isObjectLiteralExpression(node)) return []
  return node.properties.flatMap(property => {
    if (!ts.isPropertyAssignment(property) || nameOf(property) !== key) return []
    return titleOf(property.initializer) ?? []
  })
}

function keysOf(node: ts.Node | undefined): readonly string[] {
  return node !== undefined && ts.isObjectLiteralExpression(node)
    ? node.properties.flatMap(property => nameOf(property) ?? [])
    : []
}

function nameOf({ name }: ts.ObjectLiteralElementLike): string | undefined {
  return name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteralLike(name)) ? name.text : undefined
}
