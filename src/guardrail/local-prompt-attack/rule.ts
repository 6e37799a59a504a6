/**
 * One sign of a prompt attack in normalised text (lower case, one space or line break between words). `weight` is how
 * sure the sign is alone, 0 to 1: from 0.5 a single one is enough at the default threshold, below it takes two.
 */
export interface Rule {
  readonly id: string
  readonly weight: number
  /** Global; bounded repetitions only, so that a match attempt reads a bounded stretch of text. */
  readonly pattern: RegExp
}

export const rule = (id: string, weight: number, pattern: RegExp): Rule => ({ id, weight, pattern })

/** Joins the parts of a long pattern; whatever is white space in them stands for a break between words. */
export const words = (...parts: string[]): RegExp => new RegExp(parts.join('').replaceAll(' ', '\\s'), 'g')
