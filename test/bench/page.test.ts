import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { GOALS, type Goal, targetOf, verdictOn } from './goals.ts'
import { goalTable, renderPage } from './page.ts'

const page = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8')

/** The cells of each table, by the heading that it stands under; rules left out. */
function tablesOf(markdown: string): ReadonlyMap<string, string[][]> {
  const tables = new Map<string, string[][]>()
  let heading = ''
  for (const line of markdown.replaceAll(/```.*?```/gs, '').split('\n')) {
    if (line.startsWith('## ')) heading = line.slice(3)
    if (!line.startsWith('| ')) continue
    const cells = line.slice(2, -2).split(' | ')
    tables.set(heading, [...(tables.get(heading) ?? []), cells])
  }
  return tables
}

const WHERE = { machine: 'a machine', date: '2026-11-21' }

test('a page holds every goal, and what was measured and what not', () => {
  const rendered = renderPage(WHERE, [
    {
      title: 'A bench',
      about: 'How it was done.',
      tables: [{ headings: ['', 'ms'], rows: [['one', '1.00']] }],
      text: 'as printed',
      measured: { workers: 1.5, errors: 0 },
      constants: { chunkUs: 1e9 },
    },
  ])
  const goals = tablesOf(rendered).get('Goals') ?? []
  expect(goals).toHaveLength(Object.keys(GOALS).length + 1)
  expect(goals).toContainEqual([GOALS.workers.what, '≥ 1.7 ×', '1.50 ×', 'missed'])
  expect(goals).toContainEqual([GOALS.errors.what, '≤ 0', '0', 'met'])
  expect(goals).toContainEqual([GOALS.chunkCpu.what, '≤ 1.1 ×', '', 'not measured'])
  expect(rendered).toContain(
    '## A bench\n\nHow it was done.\n\n|  | ms |\n|---|---:|\n| one | 1.00 |\n\n```text\nas printed',
  )
  expect(tablesOf(rendered).get('What scaling.md plans with')?.[1]?.at(-1)).toBe('does not hold')
})

test('a goal is judged as it is printed', () => {
  expect(verdictOn({ what: '', unit: '', atMost: 1.3 }, 1.304)).toBe('met')
  expect(verdictOn({ what: '', unit: '', atMost: 1.3 }, 1.306)).toBe('missed')
  expect(verdictOn({ what: '', unit: '', atLeast: 1.7 }, 1.69)).toBe('missed')
  expect(verdictOn({ what: '', unit: '', atLeast: 1.7 }, Number.NaN)).toBe('not measured')
})

test('docs/performance.md is as the program writes it, and no verdict in it was edited', () => {
  const [, date, machine] = /^Measured on (\d{4}-\d{2}-\d{2}): (.+)\.$/m.exec(page) ?? []
  expect(date).toBeDefined()
  expect(machine).toMatch(/cores of .+, Node \d+\.\d+\.\d+, Envoy \d+\.\d+\.\d+/)
  expect(
    page.startsWith(renderPage({ machine: machine ?? '', date: date ?? '' }, []).split('## Goals')[0] ?? ''),
  ).toBe(true)
  const goals = tablesOf(page).get('Goals')?.slice(1) ?? []
  expect(goals.map(([what, target]) => [what, target])).toEqual(
    goalTable([]).rows.map(([what, target]) => [what, target]),
  )
  const all: readonly Goal[] = Object.values(GOALS)
  for (const [index, [what, , measured = '', verdict]] of goals.entries()) {
    const value = measured === '' ? undefined : Number(measured.replace(/ \D+$/, '').replaceAll(',', ''))
    expect([what, verdict]).toEqual([what, verdictOn(all[index]!, value)])
  }
})

test('every table of docs/performance.md has as many cells in each row as headings', () => {
  const tables = page.replaceAll(/```.*?```/gs, '').match(/(?:^\|.*\|\n)+/gm) ?? []
  expect(tables.length).toBeGreaterThan(4)
  for (const table of tables) {
    const widths = table
      .trim()
      .split('\n')
      .map(line => line.split('|').length)
    expect(new Set(widths).size, table).toBe(1)
  }
})

test('the goals are in words that say which way they go', () => {
  expect(targetOf(GOALS.idleStreamKb)).toBe('≤ 60 KB')
  expect(targetOf(GOALS.largeRate)).toBe('≥ 1.5 ×')
})
