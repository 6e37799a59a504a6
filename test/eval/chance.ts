import { createHash } from 'node:crypto'

/** Numbers that look random and are the same in every run: mulberry32, seeded by a text. */
export class Chance {
  #state: number

  constructor(seed: string) {
    this.#state = createHash('sha256').update(seed).digest().readUInt32LE(0)
  }

  /** 0 inclusive to 1 exclusive. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** `from` to `to`, both inclusive. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.integer(0, list.length - 1)]
    if (picked === undefined) throw new Error('nothing to pick from')
    return picked
  }

  /** `count` of them without repetition, in a random order; all of them where there are no more. */
  sample<T>(list: readonly T[], count: number): T[] {
    const rest = [...list]
    for (let at = rest.length - 1; at > 0; at--) {
      const other = this.integer(0, at)
      const kept = rest[at]
      const swapped = rest[other]
      if (kept !== undefined && swapped !== undefined) {
        rest[at] = swapped
        rest[other] = kept
      }
    }
    return rest.slice(0, count)
  }

  /** Characters of an alphabet. */
  word(alphabet: string, length: number): string {
    let word = ''
    for (let i = 0; i < length; i++) word += alphabet.charAt(this.integer(0, alphabet.length - 1))
    return word
  }

  digits(length: number): string {
    return this.word('0123456789', length)
  }
}
