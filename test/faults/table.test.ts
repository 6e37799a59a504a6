import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { faultRows, renderTable } from './table.ts'

/** Of the tools that the others use. */
const NO_FAULTS = ['table.test.ts', 'toxiproxy.test.ts']

test('docs/reliability.md is what `node test/faults/table.ts` prints', () => {
  const page = readFileSync(new URL('../../docs/reliability.md', import.meta.url), 'utf8')
  expect(page).toBe(renderTable(faultRows()))
})

test('every file here has its rows, and no fault stands twice', () => {
  const rows = faultRows()
  const files = readdirSync(new URL('.', import.meta.url)).filter(name => name.endsWith('.test.ts'))
  const without = files.filter(name => !rows.some(({ file }) => file === name))
  expect(without.filter(name => !NO_FAULTS.includes(name))).toEqual(['guard-wire.test.ts'])
  const names = rows.map(({ fault }) => fault)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
})
