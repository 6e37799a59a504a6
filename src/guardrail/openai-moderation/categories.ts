import { z } from 'zod'

/** The service's categories, by its own names. A strict list: a threshold for a misspelt one would never be met. */
export const categorySchema = z.enum([
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/instructions',
  'self-harm/intent',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
])

export type Category = z.output<typeof categorySchema>

/** What makes a text flagged. */
export interface Criteria {
  /** `use`: the service's own flags count. `ignore`: only the thresholds do. */
  readonly serviceFlags: 'use' | 'ignore'
  /** The score, 0 to 1, from which on a category flags the text. */
  readonly thresholds: Readonly<Partial<Record<Category, number>>>
}
