import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const ENVOY_TESTS = new URL('../envoy/', import.meta.url)
const page = readFileSync(new URL('../../docs/envoy.md', import.meta.url), 'utf8')

/** The lines of the page that name a test: file › block › test. */
const cited = [...page.matchAll(/^ {2}`([^`]+)`$/gm)].map(([, line]) => {
  const [file = '', ...titles] = line!.split(' › ')
  return { line: line!, file, titles }
})

function sourceOf(file: string): string {
  return readFileSync(new URL(`${file}.test.ts`, ENVOY_TESTS), 'utf8')
}

/** Every quoted text of a source, as a pattern: the placeholders of an `each` stand for anything. */
function titlesOf(source: string): RegExp[] {
  return [...source.matchAll(/(['"`])((?:(?!\1)[^\n\\])+)\1/g)].map(([, , text]) => asPattern(text!))
}

function asPattern(title: string): RegExp {
  const literal = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${literal.replace(/%s|\\\$\w+/g, '.+')}$`)
}

describe('docs/envoy.md', () => {
  test.each(cited)('names a test that exists: $line', ({ file, titles }) => {
    const known = titlesOf(sourceOf(file))
    expect(titles).toHaveLength(2)
    for (const title of titles) {
      expect(
        known.some(pattern => pattern.test(title)),
        `${file} has no "${title}"`,
      ).toBe(true)
    }
  })

  const files = readdirSync(ENVOY_TESTS).filter(name => name.startsWith('facts-'))
  test.each(files)('leaves out no fact of %s', name => {
    const file = name.replace(/\.test\.ts$/, '')
    const titles = [...sourceOf(file).matchAll(/^ *test(?:\.each\(.*\))?\(\s*(['"`])(.+)\1/gm)].map(
      ([, , title]) => title!,
    )
    const named = cited.filter(one => one.file === file).map(one => one.titles[1]!)
    expect(titles.length).toBeGreaterThan(0)
    const missing = titles.filter(title => !named.some(one => asPattern(title).test(one)))
    expect(missing).toEqual([])
  })
})
