import { stripVTControlCharacters } from 'node:util'

/** Every help text keeps to it, however wide the terminal is. */
const HELP_COLUMNS = 80

/**
 * A line broken between words where it is wider than `columns`; what follows begins `indent` blanks in. A style may span
 * the breaks, and a word that is wider stays whole. Without columns, where nobody's terminal shows it, it stays as it is.
 */
export function foldLine(line: string, columns: number | undefined, indent: number): string {
  if (columns === undefined || widthOf(line) <= columns) return line
  const [first = '', ...words] = line.split(' ')
  const lines: string[] = []
  let current = first
  for (const word of words) {
    const fits = widthOf(current) + 1 + widthOf(word) <= columns
    if (fits || current.trim() === '') current = `${current} ${word}`
    // Blanks that align columns have nothing to align at a break.
    else if (word !== '') {
      lines.push(current.trimEnd())
      current = `${' '.repeat(indent)}${word}`
    }
  }
  return [...lines, current].join('\n')
}

/** A help text of 80 columns: paragraphs are filled, and an option's text goes on under its own beginning. */
export function foldHelp(help: string): string {
  const entries: string[] = []
  for (const line of help.split('\n')) {
    const last = entries.at(-1)
    if (last !== undefined && goesOn(last, line)) entries[entries.length - 1] = `${last} ${line.trim()}`
    else entries.push(line)
  }
  return entries.map(entry => foldLine(entry, HELP_COLUMNS, textColumn(entry))).join('\n')
}

/** Whether a line goes on with what stands above it: a paragraph, or the text of an option. */
function goesOn(above: string, line: string): boolean {
  if (above === '' || line === '') return false
  const indent = indentOf(line)
  return indent === 0 ? indentOf(above) === 0 : indent === textColumn(above) && indent > indentOf(above)
}

/** Where the text of an entry begins: behind its name and two blanks, else where the entry does. */
function textColumn(entry: string): number {
  const indent = indentOf(entry)
  const gap = indent === 0 ? -1 : entry.indexOf('  ', indent)
  const text = gap === -1 ? '' : entry.slice(gap).trimStart()
  return text === '' ? indent : entry.length - text.length
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}
