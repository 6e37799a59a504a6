/**
 * Makes docs/zh/<page>.md of docs/en/<page>.md, for pages that are made from the code: what people wrote is looked up in
 * docs/zh/<page>.json, English to Chinese; keys, types, defaults and blocks are taken as they are.
 *
 *   node scripts/translate-page.ts config
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** English texts of a page, each with its translation. */
export type Dictionary = Readonly<Record<string, string>>

export interface Translated {
  readonly text: string
  /** English texts without a translation: they stand on the page as they are. */
  readonly missing: readonly string[]
  /** Translations of what the page does not say any more. */
  readonly stale: readonly string[]
}

/** What the type of a key is made of, the longer before what they hold. */
const TYPE_WORDS: readonly (readonly [RegExp, string])[] = [
  [/\blist of mappings\b/g, '映射的列表'],
  [/\blist of /g, '列表：'],
  [/, or /g, '，或 '],
  [/\bwhole number\b/g, '整数'],
  [/\bnumber\b/g, '数'],
  [/, above (\S+), up to (\S+)/g, '，大于 $1，至多 $2'],
  [/, above (\S+)/g, '，大于 $1'],
  [/, (\S+) to (\S+)/g, '，$1 到 $2'],
  [/, from (\S+)/g, '，从 $1 起'],
  [/, up to (\S+)/g, '，至多 $1'],
  [/\bmapping\b/g, '映射'],
  [/\bsecret\b/g, '机密'],
  [/\btext\b/g, '文本'],
  [/\bany\b/g, '任意'],
  [/\brequired\b/g, '必填'],
]

export function translatePage(english: string, dictionary: Dictionary): Translated {
  const missing = new Set<string>()
  const used = new Set<string>()
  const say = (text: string): string => {
    if (!/[A-Za-z]/.test(text.replace(/`[^`]*`|\]\([^)]*\)/g, ''))) return text
    const found = dictionary[text]
    if (found === undefined) missing.add(text)
    else used.add(text)
    return found ?? text
  }
  const parts = english.split(/(^```[\s\S]*?^```$)/m)
  const translated = parts.map((part, index) => (index % 2 === 1 ? part : translateProse(part, say)))
  const stale = Object.keys(dictionary).filter(text => !used.has(text))
  return { text: translated.join(''), missing: [...missing], stale }
}

function translateProse(text: string, say: (text: string) => string): string {
  return text
    .split(/(\n\n+)/)
    .map(paragraph => (paragraph.trim() === '' ? paragraph : translateParagraph(paragraph, say)))
    .join('')
}

function translateParagraph(paragraph: string, say: (text: string) => string): string {
  if (paragraph.startsWith('|'))
    return paragraph
      .split('\n')
      .map(row => translateRow(row, say))
      .join('\n')
  if (paragraph.startsWith('- '))
    return paragraph
      .split(/\n(?=- )/)
      .map(item => `- ${translateParagraph(item.slice(2), say)}`)
      .join('\n')
  const [, marks = '', rest = paragraph] = /^(#+ )?([\s\S]*)$/.exec(paragraph) ?? []
  const end = rest.endsWith('\n') ? '\n' : ''
  return `${marks}${say(rest.trim().replaceAll('\n', ' '))}${end}`
}

function translateRow(row: string, say: (text: string) => string): string {
  const cells = row.split(/(?<!\\)\|/).map(cell => cell.trim())
  if (cells.length < 3 || /^\|[-:| ]+$/.test(row)) return row
  const inner = cells.slice(1, -1)
  // A row of a key: its name, its type, its default and what it means.
  const isKey = inner.length === 4 && inner[0]?.startsWith('`')
  const said = inner.map((cell, index) =>
    isKey && (index === 1 || index === 2) ? translateType(cell) : say(cell),
  )
  return `| ${said.join(' | ')} |`
}

function translateType(cell: string): string {
  const parts = cell.split(/(`[^`]*`)/)
  const words = (text: string) => TYPE_WORDS.reduce((rest, [word, ours]) => rest.replace(word, ours), text)
  return parts.map((part, index) => (index % 2 === 1 ? part : words(part))).join('')
}

const [, program, page] = process.argv
if (program === fileURLToPath(import.meta.url) && page !== undefined) {
  const read = (path: string): string => readFileSync(new URL(`../docs/${path}`, import.meta.url), 'utf8')
  const { text, missing } = translatePage(read(`en/${page}.md`), JSON.parse(read(`zh/${page}.json`)))
  writeFileSync(new URL(`../docs/zh/${page}.md`, import.meta.url), text)
  for (const one of missing) console.error(`no translation: ${one}`)
  process.exitCode = missing.length === 0 ? 0 : 1
}
