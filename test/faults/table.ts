import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import type { FaultRow } from './fault.ts'

/** The functions of fault.ts that take a row. */
const DECLARES = new Set(['fault', 'faultCases'])

export interface ListedRow extends FaultRow {
  /** In this folder. */
  readonly file: string
}

const INTRODUCTION = `# When something breaks

Weir stands in the way of every exchange, so what it does when something breaks matters as much as what it finds. This
page says what it promises then and what it cannot promise; the table says it fault by fault. Each row is a test that
brings the fault about through a real Envoy, and the page is made from the tests: \`node test/faults/table.ts >
docs/reliability.md\`. A row's first column is its test's name. All of it holds for the Envoy configs in \`envoy/\`,
which fail closed.

## What Weir promises

- **Nothing passes unjudged.** Whatever breaks, the client gets what was cleared before it broke and no byte of the
  rest, and the LLM gets no request that is still being judged. What breaks inside of Weir ends that exchange with an
  error and never as done: an exchange that ended as done is one that Envoy lets pass.
- **What passes by \`fail_open\` is known.** A guardrail that fails (its service is down, slow or wrong, a body is over a
  limit or cannot be read) lets text pass only where its rule says \`fail_open: true\`, and each such exchange is
  recorded and counted as \`failed-open\`. That never forgives what was flagged.
- **Nobody hangs.** Every wait has an end: a guard service's \`timeout\`, a stream's \`max_duration_ms\`, the drain
  deadline, Envoy's keepalive to Weir and its idle timeout.
- **A fault stays where it is.** One exchange that breaks harms no other. A client or an LLM that goes away takes its
  guard calls with it.
- **Nothing clean is lost where it could be kept.** A Weir that stops serves its running exchanges to their end; one
  that stands still goes on where it was; a slow guard service makes the LLM wait instead of filling memory.

## What it cannot promise

- **A stream that has begun cannot be mended.** After a kill, a broken wire or an LLM that cuts, the client has a
  beginning and a cut connection. Held text goes nowhere then, clean or not, and nobody can ask for it again.
- **One Weir is one point of failure.** While it is down, Envoy refuses with 503. Run several behind one cluster.
- **Envoy notices a peer that is silent, and not dead, after its keepalive**: 40 seconds in the configs here. Until
  then exchanges wait.
- **A record says what Weir gave to Envoy.** When the wire between them breaks at that moment, less of it may have
  reached the client, never more.
- **It holds for Envoy set as here.** With \`failure_mode_allow: true\` Envoy itself lets pass what Weir could not judge.
- **What no format can read is not judged.** \`fail_mode\` says whether it may pass; its default lets it.
`

const CLOSED_BY = 'Several tests prove one row where the fault has several forms, or Envoy several modes.'

/** The rows in the order of files and lines, each once. */
export function faultRows(): readonly ListedRow[] {
  const folder = new URL('.', import.meta.url)
  const files = readdirSync(folder).filter(name => name.endsWith('.test.ts'))
  return files.sort().flatMap(file => rowsOf(file, readFileSync(new URL(file, folder), 'utf8')))
}

function rowsOf(file: string, source: string): readonly ListedRow[] {
  const rows: ListedRow[] = []
  const visit = (node: ts.Node): void => {
    const row = rowOf(file, node)
    if (row !== undefined) rows.push(row)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.Latest))
  return rows
}

function rowOf(file: string, node: ts.Node): ListedRow | undefined {
  if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return undefined
  if (!DECLARES.has(node.expression.text)) return undefined
  const [first] = node.arguments
  if (first === undefined || !ts.isObjectLiteralExpression(first)) throw notLiteral(file)
  const fields = new Map(first.properties.map(property => fieldOf(file, property)))
  const field = (name: keyof FaultRow): string => {
    const text = fields.get(name)
    if (text === undefined || text === '') throw new Error(`${file}: a fault without \`${name}\``)
    return text
  }
  return {
    file,
    fault: field('fault'),
    client: field('client'),
    log: field('log'),
    kept: field('kept'),
  }
}

function fieldOf(file: string, property: ts.ObjectLiteralElementLike): [string, string] {
  if (!ts.isPropertyAssignment(property) || !ts.isIdentifier(property.name)) throw notLiteral(file)
  return [property.name.text, literal(file, property.initializer)]
}

function literal(file: string, node: ts.Node | undefined): string {
  if (node === undefined || !ts.isStringLiteralLike(node)) throw notLiteral(file)
  return node.text
}

function notLiteral(file: string): Error {
  return new Error(`${file}: the row of a fault must be written in literals`)
}

export function renderTable(rows: readonly ListedRow[]): string {
  const line = ({ file, fault, client, log, kept }: ListedRow): string =>
    `| ${fault} | ${client} | ${log} | ${kept} | [${file.replace('.test.ts', '')}](../test/faults/${file}) |`
  const head = [
    '| What breaks | What the client sees | What is logged | What holds | Tests |',
    '|---|---|---|---|---|',
  ]
  return [`${INTRODUCTION}\n## Fault by fault\n`, `${CLOSED_BY}\n`, ...head, ...rows.map(line), ''].join('\n')
}

if (import.meta.main) process.stdout.write(renderTable(faultRows()))
