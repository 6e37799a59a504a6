import { ENCODINGS } from '../../src/guardrail/local-prompt-attack/encodings.ts'
import type { Channel } from '../../src/guardrail/local-prompt-attack/features.ts'
import { INPUT_PAGES, pagesOf } from '../../src/guardrail/local-prompt-attack/pages.ts'
import { eachReading } from '../../src/guardrail/local-prompt-attack/readings.ts'

/** A text as the sets hold it. */
export interface LabelledText {
  readonly id: string
  readonly label: 'attack' | 'ordinary' | 'hard'
  readonly category: string
  readonly channel: Channel
  readonly text: string
  readonly source: string
  readonly basis?: string
}

/** A reading, kept for many epochs. */
export interface KeptReading {
  readonly slots: Int32Array
  readonly from: Int32Array
  readonly length: number
  readonly traits: number
}

/** A text with all its readings: an attack when any window of any of them is one. */
export interface Bag {
  readonly item: LabelledText
  readonly readings: readonly KeptReading[]
  /** Copies of each other have the same. */
  readonly group: number
  weight: number
}

const ALL = new Set(ENCODINGS)

export function bagOf(item: LabelledText, group: number): Bag {
  const readings: KeptReading[] = []
  for (const { text } of pagesOf(item.text, INPUT_PAGES)) {
    eachReading(text, item.channel, ALL, ({ features, length, traits }) => {
      const count = features.from[length] ?? 0
      readings.push({
        slots: features.slots.slice(0, count),
        from: features.from.slice(0, length + 1),
        length,
        traits,
      })
    })
  }
  return { item, readings, group, weight: 1 }
}
