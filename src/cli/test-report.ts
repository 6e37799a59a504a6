import { styleText } from 'node:util'
import type { CommandIo } from './command.ts'
import { foldLine } from './fold.ts'

/** What one case came to, in one mode. */
export interface CaseResult {
  readonly name: string
  /** One sentence each; none: it passed. */
  readonly misses: readonly string[]
  readonly ms: number
}

export const REPORTERS = ['text', 'junit'] as const
export type ReporterName = (typeof REPORTERS)[number]

/** Shows the results of one file of cases. */
export interface Reporter {
  /** As each case ends. */
  add(result: CaseResult): string
  /** After the last one. */
  end(results: readonly CaseResult[]): string
}

/** How stdout shows text. */
export type Terminal = Pick<CommandIo, 'terminal' | 'columns'>

/** `suite`: whose cases they are, for who reads the results of many. */
export function createReporter(name: ReporterName, suite: string, terminal: Terminal): Reporter {
  return name === 'junit' ? { add: () => '', end: results => junit(suite, results) } : textReporter(terminal)
}

function textReporter({ terminal, columns }: Terminal): Reporter {
  const styled = (colour: 'green' | 'red', text: string): string =>
    terminal === 'coloured' ? styleText(colour, text, { validateStream: false }) : text
  return {
    add({ name, misses }) {
      const mark = misses.length === 0 ? styled('green', '✓') : styled('red', '✗')
      const told = misses.map(miss => foldLine(`    ${miss}`, columns(), 6))
      return [`${mark} ${name}`, ...told, ''].join('\n')
    },
    end(results) {
      const failed = failuresOf(results)
      const sum = failed === 0 ? '0 failed' : styled('red', `${failed} failed`)
      return `\n${results.length - failed} passed, ${sum}\n`
    },
  }
}

/** The form that CI systems read: https://github.com/testmoapp/junitxml */
function junit(suite: string, results: readonly CaseResult[]): string {
  const counts = `tests="${results.length}" failures="${failuresOf(results)}" time="${secondsOf(results)}"`
  const cases = results.flatMap(result => {
    const open = `    <testcase name="${escaped(result.name)}" classname="${escaped(suite)}" time="${secondsOf([result])}"`
    if (result.misses.length === 0) return [`${open}/>`]
    const [first = ''] = result.misses
    const failure = `      <failure message="${escaped(first)}">${escaped(result.misses.join('\n'))}</failure>`
    return [`${open}>`, failure, '    </testcase>']
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${escaped(suite)}" ${counts}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function failuresOf(results: readonly CaseResult[]): number {
  return results.filter(({ misses }) => misses.length > 0).length
}

function secondsOf(results: readonly CaseResult[]): string {
  return (results.reduce((sum, { ms }) => sum + ms, 0) / 1000).toFixed(3)
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\t': '&#9;',
}

/** XML 1.0 has no place for other control characters and lone surrogates, not even escaped. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\n\t\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"\n\t]/g, character => ENTITIES[character]!)
}
