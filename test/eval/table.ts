import type { Estimate } from './intervals.ts'

/** Three digits of a share, or a dash where nothing was counted. */
export const share = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(3))

export const estimate = ({ value, low, high }: Estimate): string =>
  Number.isNaN(value) ? '–' : `${share(value)} (${share(low)}–${share(high)})`

/** A table in Markdown, which is also what is printed. Columns of numbers stand to the right. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string | undefined): string => (text ?? '').replaceAll('|', '\\|')
  const columns = headings.map((heading, column) => {
    const cells = rows.map(row => cell(row[column]))
    return {
      width: Math.max(heading.length, 3, ...cells.map(text => text.length)),
      isText: column === 0 || !cells.some(text => /^[\d–≈]/.test(text)),
    }
  })
  const line = (cells: readonly string[]): string =>
    `| ${columns.map(({ width, isText }, at) => (isText ? cell(cells[at]).padEnd(width) : cell(cells[at]).padStart(width))).join(' | ')} |`
  const rule = columns.map(({ width, isText }) => (isText ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(headings), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n')
}
