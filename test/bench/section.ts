import type { Measured } from './goals.ts'
import type { Constants } from './sizing.ts'

/** One bench as the page and the terminal show it. */
export interface Section {
  readonly title: string
  /** What was done and how to read it: a paragraph of Markdown. */
  readonly about: string
  readonly tables: readonly Table[]
  /** What a program printed, as it is. */
  readonly text?: string
  /** For goals.ts. */
  readonly measured?: Measured
  /** For docs/scaling.md, which plans with them. */
  readonly constants?: Partial<Constants>
}

export interface Table {
  readonly headings: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Digits that say something: none of a whole number or past a hundred, one past ten, else two. Empty for no figure. */
export function figure(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return ''
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

export const count = (value: number): string => value.toLocaleString('en-US')

/** Bytes in KB of 1,024. */
export const kb = (bytes: number): string => figure(bytes / 1024)
