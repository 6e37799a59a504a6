import type { Archive } from '../archive.ts'

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Empty where it is no string. */
export const stringAt = (value: unknown, key: string): string => {
  const found = isRecord(value) ? value[key] : undefined
  return typeof found === 'string' ? found : ''
}

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

export const stringsOf = (value: unknown): string[] =>
  listOf(value).filter((entry): entry is string => typeof entry === 'string')

export const jsonAt = (archive: Archive, path: string): unknown => JSON.parse(archive.text(path))

/** The records of a file of JSON lines; a line that is none is left out. */
export function jsonLines(text: string, most = Number.POSITIVE_INFINITY): unknown[] {
  const records: unknown[] = []
  for (const line of text.split('\n')) {
    if (records.length >= most) break
    try {
      if (line.trim() !== '') records.push(JSON.parse(line))
    } catch {
      // Some of the data has broken lines: there are enough others.
    }
  }
  return records
}

export const linesOf = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '')

/** At most so many units, cut where a line or a word ends. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text
  const end = Math.max(text.lastIndexOf('\n', most), text.lastIndexOf(' ', most))
  return text.slice(0, end > most / 2 ? end : most)
}

/** Sections of a Markdown text by its headings, none shorter or longer than said. */
export function sections(markdown: string, least: number, most: number): string[] {
  return markdown
    .split(/\n(?=#{1,4} )/)
    .map(section => cut(section.trim(), most))
    .filter(section => section.length >= least)
}

/** The description in a package's metadata: its README. */
export function readme(archive: Archive): string {
  const path = archive.paths.find(name => name.endsWith('.dist-info/METADATA')) ?? ''
  const metadata = archive.text(path)
  return metadata.slice(metadata.indexOf('\n\n') + 2)
}

/** What a docstring says of an attack, without the lists of arguments that follow. */
export function docstring(text: string): string {
  const [said = ''] = text.split(/\n\s*(?:Args|Returns|Raises|Attributes|Example|Yields)s?:/)
  return said.replaceAll(/^ {4,8}/gm, '').trim()
}

const ABOUT_ATTACKS =
  /jailbreak|injection|bypass|malicious|adversarial prompt|red.?team|harmful|obfuscat|leak/i

/** Docstrings long enough to be a text, on attacks. */
export const isDiscussion = (text: string): boolean =>
  text.length > 120 && !text.includes('{') && ABOUT_ATTACKS.test(text)

export const filesUnder = (archive: Archive, folder: string, ending: string): string[] =>
  archive.paths.filter(path => path.startsWith(folder) && path.endsWith(ending))
