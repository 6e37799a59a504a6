import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { makeTargets } from './not-run.ts'
import { CHECKOUT, readPage } from './page.ts'

const PAGES = [
  'CONTRIBUTING.md',
  'REVIEW.md',
  'docs/architecture.md',
  'docs/adding-a-format.md',
  'SECURITY.md',
]

describe.each(PAGES)('%s', path => {
  const { prose, text } = readPage(path)

  test('names files and folders that are there', () => {
    const code = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name!)
    const paths = code.filter(name => /^(?:src|test|docs|scripts|envoy|deploy|proto)\/[\w./-]*$/.test(name))
    expect(paths.filter(name => !existsSync(`${CHECKOUT}${name}`))).toEqual([])
  })

  test('names make targets that are there', () => {
    const targets = makeTargets(readFileSync(`${CHECKOUT}Makefile`, 'utf8'))
    const named = [...text.matchAll(/(?:^|`)make ([a-z-]+)/gm)].map(([, name]) => name!)
    expect(named.filter(name => !targets.has(name))).toEqual([])
  })
})

const lock: { packages: Record<string, { license?: string; dev?: boolean; devOptional?: boolean }> } =
  JSON.parse(readFileSync(`${CHECKOUT}package-lock.json`, 'utf8'))
const manifest: Record<'dependencies' | 'devDependencies', Record<string, string>> = JSON.parse(
  readFileSync(`${CHECKOUT}package.json`, 'utf8'),
)

describe('docs/licences.md', () => {
  const [, shipped = '', tools = ''] = readPage('docs/licences.md').text.split(/^## /m)
  const rowsOf = (section: string) =>
    [...section.matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, name, licence, why]) => ({
      name: name!,
      licence: licence!,
      why: why!,
    }))

  test.each([
    ['what ships', rowsOf(shipped), manifest.dependencies],
    ['what is for tests and tools', rowsOf(tools), manifest.devDependencies],
  ])('has %s: each package, its licence and its reason', (_, rows, packages) => {
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(packages).sort())
    for (const { name, licence, why } of rows) {
      expect(why.trim()).not.toBe('')
      expect(licenceOf(name), name).toContain(licence)
    }
  })

  test('allows every licence that ships, what packages bring along included', () => {
    const allowed = /MIT, Apache-2\.0, ISC, 0BSD,\s+BSD-2-Clause, BSD-3-Clause, BlueOak-1\.0\.0/.exec(
      shippedIntro(),
    )
    const names = allowed?.[0].split(/,\s+/) ?? []
    const ours = Object.entries(lock.packages).filter(
      ([path, one]) => path !== '' && !one.dev && !one.devOptional,
    )
    expect(ours.length).toBeGreaterThan(50)
    expect(ours.filter(([, { license }]) => !names.includes(license ?? '')).map(([path]) => path)).toEqual([])
  })
})

function shippedIntro(): string {
  return readPage('docs/licences.md').text.split(/^## /m)[0] ?? ''
}

/** As the lock says; one that says nothing there has a file. */
function licenceOf(name: string): string {
  const said = lock.packages[`node_modules/${name}`]?.license
  return said ?? readFileSync(`${CHECKOUT}node_modules/${name}/LICENSE`, 'utf8').split('\n')[0] ?? ''
}
