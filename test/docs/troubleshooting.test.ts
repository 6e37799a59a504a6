import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { CHECKOUT, guidePages, readPage } from './page.ts'

const { text } = readPage('docs/en/troubleshooting.md')
const [, ...sections] = text.split(/^## /m)

describe.each(sections.map(section => ({ title: section.split('\n')[0]!, section })))(
  '$title',
  ({ section }) => {
    const proofs = [...section.matchAll(/^<!-- proved by: (\S+) › (.+) -->$/gm)]

    test('is shown by a test that is there', () => {
      expect(proofs.length).toBeGreaterThan(0)
      for (const [, file, words] of proofs) {
        expect(existsSync(`${CHECKOUT}${file}`), file).toBe(true)
        expect(readFileSync(`${CHECKOUT}${file}`, 'utf8'), file).toContain(words)
      }
    })
  },
)

test('every metric that a page for users names is one of those that metrics.md describes', () => {
  const known = readPage('docs/en/metrics.md').text
  const pages = guidePages().map(path => readPage(path).text)
  const named = new Set(
    pages.flatMap(page => page.match(/\bweir_[a-z_]+_(?:total|seconds|bytes|open|state|connected)\b/g) ?? []),
  )
  expect(named.size).toBeGreaterThan(10)
  expect([...named].filter(name => !known.includes(`\`${name}\``))).toEqual([])
})
