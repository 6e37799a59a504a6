import { globSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { expect, test } from 'vitest'

/** The measures of src/ that neither the linter nor dependency-cruiser holds. An exception that is not needed is red. */

const MAX_FILE_LINES = 300
const MAX_FUNCTION_LINES = 50

/** By file, and why. */
const LONG_FILES: Readonly<Record<string, string>> = {
  'src/extproc/call.ts': 'one call is one object: whatever breaks in it has to end it',
}

/** By file and name, and why. */
const LONG_FUNCTIONS: Readonly<Record<string, string>> = {
  'src/cli/open-snapshot.ts openSnapshot': 'opens and closes in one place what belongs together',
  'src/config/config-watch.ts watchConfig': 'a closure over the state of one watch',
  'src/guardrail/keywords/search-text.ts openTextSearch': 'a closure over the state of one reading',
  'src/guardrail/local-secrets/reader.ts openSieve': 'a closure over the state of one pass',
  'src/guardrail/text/base64-runs.ts openBase64Runs': 'a closure over the state of one pass',
  'src/server.ts createServer': 'joins the rooms, a line each',
  'src/service/bulkhead.ts withBulkhead': 'a closure over the state of one queue',
  'src/service/service-config.ts serviceKeys': 'a table of keys',
  'src/telemetry/metrics.ts exchangeMetrics': 'a table of metrics',
  'src/telemetry/service-metrics.ts serviceMetrics': 'a table of metrics',
  'src/telemetry/telemetry.ts createTelemetry': 'a table of what is told to whom',
}

/** By file and name: each is a fact that its caller has as a boolean, and no choice between two ways to do it. */
const BOOLEANS = new Set([
  'src/exchange/exchange.ts begun',
  'src/exchange/not-shown.ts begun',
  'src/exchange/outlet.ts endOfStream',
  'src/exchange/record.ts observed',
  'src/exchange/request-side.ts endOfStream',
  'src/exchange/response-side.ts endOfStream',
  'src/exchange/window-scans.ts final',
  'src/exchange/window-scans.ts isPressed',
  'src/extproc/encode.ts endOfStream',
  'src/extproc/ledger-entry.ts canWait',
  'src/guardrail/local-links/reader.ts isBare',
  'src/guardrail/local-pii/phone-plans.ts isShared',
  'src/guardrail/local-pii/phone.ts plus',
  'src/guardrail/local-secrets/assignment.ts isQuoted',
  'src/guardrail/local-secrets/private-key.ts isFirst',
  'src/guardrail/webhook/generic.ts value',
  'src/llm/request-texts.ts streams',
  'src/service/egress.ts allowPlaintext',
])

const files = globSync('src/**/*.ts').map(path => {
  const text = readFileSync(path, 'utf8')
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) }
})

/** What `found` says of each node of each file, once, in order. */
function tellOf(found: (node: ts.Node, tree: ts.SourceFile) => string | undefined): readonly string[] {
  const told = new Set<string>()
  for (const { path, tree } of files) {
    const visit = (node: ts.Node): void => {
      const name = found(node, tree)
      if (name !== undefined) told.add(`${path} ${name}`)
      ts.forEachChild(node, visit)
    }
    visit(tree)
  }
  return [...told].toSorted()
}

function nameOf(node: ts.SignatureDeclaration): string {
  const holder = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined)
  return holder?.getText() ?? ts.SyntaxKind[node.kind]
}

test('a file has one concept, and so at most 300 lines', () => {
  const long = files.filter(({ text }) => text.split('\n').length - 1 > MAX_FILE_LINES)
  expect(long.map(({ path }) => path)).toEqual(Object.keys(LONG_FILES).toSorted())
})

test('a function has at most 50 lines', () => {
  const long = tellOf((node, tree) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return undefined
    const lineAt = (place: number): number => tree.getLineAndCharacterOfPosition(place).line
    const lines = lineAt(node.getEnd()) - lineAt(node.getStart()) + 1
    return lines > MAX_FUNCTION_LINES ? nameOf(node) : undefined
  })
  expect(long).toEqual(Object.keys(LONG_FUNCTIONS).toSorted())
})

test('nothing is called what it may not be: no assertion but `as const`', () => {
  const asserted = tellOf(node =>
    ts.isAsExpression(node) && node.type.getText() !== 'const' ? node.getText() : undefined,
  )
  expect(asserted).toEqual([])
})

test('a parameter names a choice: none is a boolean but for facts', () => {
  const booleans = tellOf(node =>
    ts.isParameter(node) && !ts.isFunctionTypeNode(node.parent) && node.type?.getText().startsWith('boolean')
      ? node.name.getText().replace(/^_/, '')
      : undefined,
  )
  expect(booleans).toEqual([...BOOLEANS].toSorted())
})
