import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { translatePage } from '../../scripts/translate-page.ts'
import { CHECKOUT, type Page, pagesUnder, readPage } from './page.ts'

/** Pages that there are in English only, each with what stands in the way. A new page is translated or stands here. */
const ENGLISH_ONLY: Readonly<Record<string, string>> = {}

const namesIn = (folder: string): readonly string[] =>
  pagesUnder(folder).map(path => path.slice(folder.length + 1))

test('every page is there in Chinese, or has a reason not to be', () => {
  const missing = namesIn('docs/en').filter(name => !namesIn('docs/zh').includes(name))
  expect(missing.filter(name => ENGLISH_ONLY[name] === undefined)).toEqual([])
  expect(namesIn('docs/zh').filter(name => ENGLISH_ONLY[name] !== undefined)).toEqual([])
})

/** Pages that are made of the English ones and of a file of translations. */
describe.each(['config', 'guardrails', 'metrics'])('docs/zh/%s.md', page => {
  const dictionary = JSON.parse(readFileSync(`${CHECKOUT}docs/zh/${page}.json`, 'utf8'))
  const { text, missing, stale } = translatePage(readPage(`docs/en/${page}.md`).text, dictionary)

  test('has a translation for all that the English page says, and for nothing else', () => {
    const where = `English to Chinese: add what is missing to docs/zh/${page}.json, take out what is stale`
    expect({ missing, stale }, where).toEqual({ missing: [], stale: [] })
  })

  test('is what `node scripts/translate-page.ts` makes', () => {
    const again = `make it again: npm exec --no -- node scripts/translate-page.ts ${page}`
    expect(readPage(`docs/zh/${page}.md`).text, again).toBe(text)
  })
})

describe.each(namesIn('docs/zh'))('docs/zh/%s', name => {
  const both = `docs/en/${name} and docs/zh/${name} change together; what is not translated yet stands there in English`
  const [english, chinese] = [readPage(`docs/en/${name}`), readPage(`docs/zh/${name}`)]

  test('has the blocks of the English page, byte for byte', () => {
    const blocksOf = ({ blocks }: Page) => blocks.map(({ info, text, notes }) => ({ info, text, notes }))
    expect(blocksOf(chinese), both).toEqual(blocksOf(english))
  })

  test('has as many headings of each level, in the same order', () => {
    const levelsOf = ({ headings }: Page) => headings.map(heading => heading.indexOf(' '))
    expect(levelsOf(chinese), both).toEqual(levelsOf(english))
  })

  // The glossary of the Chinese index has the English word and the Chinese one.
  test.skipIf(name === 'README.md')('has the rows of every table, each with the same code in it', () => {
    const rowsOf = ({ prose }: Page) => prose.split('\n').filter(line => line.startsWith('|'))
    expect(
      rowsOf(chinese).map(row => codeIn(row).sort()),
      both,
    ).toEqual(rowsOf(english).map(row => codeIn(row).sort()))
  })

  test('names the same keys, values and commands', () => {
    expect(new Set(codeIn(chinese.prose).sort()), both).toEqual(new Set(codeIn(english.prose).sort()))
  })
})

function codeIn(text: string): string[] {
  return [...text.matchAll(/`((?:[^`\n]|\n(?!\n))+)`/g)].map(([, code]) => code!.replace(/\s+/g, ' '))
}
