import { GOALS, type Goal, type GoalName, type Measured, targetOf, verdictOn } from './goals.ts'
import { figure, type Section, type Table } from './section.ts'
import { type Constants, PLANNED } from './sizing.ts'

export interface Circumstances {
  /** Processor, cores, memory, kernel, and the versions that ran. */
  readonly machine: string
  /** `2026-11-21`. */
  readonly date: string
}

/** docs/performance.md, whole. */
export function renderPage({ machine, date }: Circumstances, sections: readonly Section[]): string {
  return [
    '# What Weir costs',
    INTRODUCTION,
    `Measured on ${date}: ${machine}.`,
    '## Goals',
    'Of what was not measured in this run the page says so.',
    renderTable(goalTable(sections)),
    ...sections.flatMap(({ title, about, tables, text }) => [
      `## ${title}`,
      ...[about, ...tables.map(renderTable)].filter(Boolean),
      ...(text === undefined ? [] : [`\`\`\`text\n${text.trim()}\n\`\`\``]),
    ]),
    '## What scaling.md plans with',
    '[scaling.md](scaling.md) reckons with round figures above those measured. Where one does not hold, its numbers are ' +
      'too small.',
    renderTable(planTable(sections)),
    '',
  ].join('\n\n')
}

const INTRODUCTION =
  'This page is made by `node test/bench/report.ts --write`; it is not edited by hand. `make bench` prints the same ' +
  'tables. Every figure is of the one machine below, where Weir, Envoy, the clients and the LLM share the cores: ' +
  'ratios and differences within a run say something about Weir, absolute figures also about the machine.'

/** Every goal, measured or not. */
export function goalTable(sections: readonly Section[]): Table {
  const measured: Measured = Object.assign({}, ...sections.map(section => section.measured))
  const rows = goalNames().map(name => {
    const goal: Goal = GOALS[name]
    const value = measured[name]
    return [goal.what, targetOf(goal), withUnit(value, goal.unit), verdictOn(goal, value)]
  })
  return { headings: ['what', 'goal', 'measured', 'verdict'], rows }
}

/** `Object.keys` forgets what it lists. */
function goalNames(): readonly GoalName[] {
  return Object.keys(GOALS).filter((name): name is GoalName => name in GOALS)
}

function withUnit(value: number | undefined, unit: string): string {
  const shown = figure(value)
  return shown === '' ? '' : `${shown} ${unit}`.trimEnd()
}

const CONSTANTS: readonly (readonly [keyof Constants, string, number])[] = [
  ['chunkUs', 'CPU of a chunk, 2 a second in each of 2,000 streams, µs', 1],
  ['exchangeUs', 'CPU of an exchange without its chunks, µs', 1],
  ['guardCallUs', 'CPU of a guard call, µs', 1],
  ['idleStreamBytes', 'memory of an idle stream, KB', 1024],
  ['heldEventBytes', 'memory of a small event that is held back, KB', 1024],
  ['processBytes', 'memory of a process before its first stream, MB', 1024 * 1024],
]

function planTable(sections: readonly Section[]): Table {
  const found: Partial<Constants> = Object.assign({}, ...sections.map(section => section.constants))
  const rows = CONSTANTS.map(([name, what, unit]) => {
    const value = found[name]
    const verdict =
      value === undefined || Number.isNaN(value)
        ? 'not measured'
        : value <= PLANNED[name]
          ? 'holds'
          : 'does not hold'
    return [what, figure(PLANNED[name] / unit), value === undefined ? '' : figure(value / unit), verdict]
  })
  return { headings: ['', 'planned with', 'measured', ''], rows }
}

/** As Markdown: the first column to the left, the others to the right. */
export function renderTable({ headings, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = headings.map((_, column) => (column === 0 ? '---' : '---:'))
  return [line(headings), `|${rule.join('|')}|`, ...rows.map(line)].join('\n')
}
