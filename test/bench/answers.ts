import { chatEvents } from '../support/chat.ts'

/** Prose without a finding of any guardrail. */
const PROSE = `A weir is a low barrier across a river that raises the water a little.
Above it the stream runs deep and slow, and boats may pass there with ease.
Below it the water falls, and the noise of the fall carries far over the fields on a quiet evening.
Millers built the first ones to turn their wheels, since a steady drop gives steady work all through the year.
Later ones serve to measure the flow, because the height of the water over the crest tells how much of it goes by.
A good weir lets fish climb past by a stair of pools, and holds back nothing for longer than it must.
When the river is high the whole barrier may vanish under the flood, and only a smooth line shows where it stands.
The keeper of such a place walks along the bank every morning and writes the height of the water in a book.`
  .split(/\s+/)
  .filter(word => word !== '')

const TOKENS = 20

/** Seven words and the space after them: no guardrail has a reason to wait for what follows. */
export const PHRASES: readonly string[] = Array.from(
  { length: TOKENS },
  (_, index) => `${PROSE.slice(index * 7, index * 7 + 7).join(' ')} `,
)

/** One word with the space before it, as models write: whether a word is over shows in the next token. */
export const WORDS: readonly string[] = PROSE.slice(0, TOKENS).map((word, index) =>
  index === 0 ? word : ` ${word}`,
)

/** A long answer in so many chunks, an event each; all but three of them bring a word. */
export function longAnswer(chunks: number): readonly Uint8Array[] {
  const words = Array.from({ length: chunks - 3 }, (_, index) => ` ${PROSE[index % PROSE.length]}`)
  return chatEvents(...words).map(event => Buffer.from(event))
}
