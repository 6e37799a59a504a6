/** Milliseconds, microseconds or counts, sorted: what the benchmarks quote of them. */
export class Figures {
  readonly #sorted: readonly number[]

  constructor(samples: readonly number[]) {
    this.#sorted = [...samples].sort((a, b) => a - b)
  }

  get p50(): number {
    return this.#quantile(0.5)
  }

  get p90(): number {
    return this.#quantile(0.9)
  }

  get p99(): number {
    return this.#quantile(0.99)
  }

  /** Between the two neighbours, in proportion. NaN without samples. */
  #quantile(share: number): number {
    const place = share * (this.#sorted.length - 1)
    const below = this.#sorted[Math.floor(place)] ?? Number.NaN
    const above = this.#sorted[Math.ceil(place)] ?? Number.NaN
    return below + (above - below) * (place - Math.floor(place))
  }
}

/** Empty where nothing was measured. */
export const fixed = (value: number): string => (Number.isNaN(value) ? '' : value.toFixed(2))
export const signed = (value: number): string => (value < 0 ? '' : '+') + value.toFixed(2)

/** Prints rows under a heading each, the first column to the left and numbers to the right. */
export function printTable(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map(row => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  console.log(line(headings))
  console.log(widths.map(width => '-'.repeat(width)).join('  '))
  for (const row of rows) console.log(line(row))
}
