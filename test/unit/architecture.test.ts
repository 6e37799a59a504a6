import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

/** docs/architecture.md draws the rooms and the way of a message: both are what the files import. */

const PAGE = readFileSync('docs/architecture.md', 'utf8')
const [ROOMS, WALK] = [...PAGE.matchAll(/```mermaid\n([\s\S]*?)```/g)].map(([, diagram]) =>
  [...diagram!.matchAll(/^ {2}(\S+) --> (\S+)$/gm)].map(([, from, to]) => `${from} --> ${to}`),
)

interface Import {
  /** Both without `src/` and `.ts`. */
  readonly from: string
  readonly to: string
  readonly isTypeOnly: boolean
}

const isTypeOnly = (what: string): boolean =>
  what.startsWith('type ') ||
  (/^\{[^}]*\}$/.test(what) && [...what.matchAll(/[^{},]+/g)].every(([name]) => /^\s*(type |$)/.test(name)))

function importsOf(file: string): readonly Import[] {
  const from = path.relative('src', file).replace(/\.ts$/, '')
  const text = readFileSync(file, 'utf8')
  const named = text.matchAll(/^(?:import|export) ([^;']*?)\s+from\s+'(\.[^']+)\.ts'/gm)
  return [...named].map(([, what, to]) => ({
    from,
    to: path.join(path.dirname(from), to!),
    isTypeOnly: isTypeOnly(what!),
  }))
}

const IMPORTS = globSync('src/**/*.ts').flatMap(importsOf)

test('the rooms are drawn with exactly the doors that stand open', () => {
  const JOINING = ['', 'cli']
  const roomOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : '')
  const used = IMPORTS.map(({ from, to }) => [roomOf(from), roomOf(to)] as const)
    .filter(([from, to]) => from !== to && !JOINING.includes(from) && to !== '')
    .map(([from, to]) => `${from} --> ${to}`)
  expect(ROOMS?.toSorted()).toEqual([...new Set(used)].toSorted())
})

test('the walk is drawn with exactly the imports between its files', () => {
  const files = new Set(WALK?.flatMap(edge => edge.split(' --> ')))
  const used = IMPORTS.filter(({ from, to, isTypeOnly }) => !isTypeOnly && files.has(from) && files.has(to))
  expect(files.size).toBeGreaterThan(20)
  expect(WALK?.toSorted()).toEqual(used.map(({ from, to }) => `${from} --> ${to}`).toSorted())
})

test('every file that the page names is there', () => {
  const all = globSync('{src,scripts,test}/**/*.ts')
  const named = [...PAGE.matchAll(/`((?:[\w-]+\/)*[\w-]+\.ts)`/g)].map(([, name]) => name!)
  expect(named.length).toBeGreaterThan(80)
  expect(named.filter(name => !existsSync(name) && !all.some(file => file.endsWith(`/${name}`)))).toEqual([])
})
