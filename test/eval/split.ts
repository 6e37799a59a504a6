import { createHash } from 'node:crypto'
import type { Placed, Side } from './item.ts'

/** Of 256: the rest is held out. */
const TUNE_SHARE = 179
const HASHES = 64
const ROWS = 4
/** Share of the hashes that two texts must have in common to count as copies. */
const NEAR = 0.45
const SHINGLE = 3
/** Of a long text its beginning tells. */
const MAX_TOKENS = 1500

/** Lower case, compatible forms, letters and digits: how texts are compared, here and nowhere else. */
export function comparable(text: string): string[] {
  const plain = text.normalize('NFKC').toLowerCase()
  // Scripts without spaces between words: each character counts as one.
  return (
    plain.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{N}]+/gu) ?? []
  )
}

export const fingerprint = (text: string): string =>
  createHash('sha256').update(comparable(text).join(' ')).digest('hex')

/** 64 minima over the text's shingles: the share that two texts have in common estimates their likeness. */
export function minHashes(text: string): Uint32Array {
  const tokens = comparable(text).slice(0, MAX_TOKENS)
  const minima = new Uint32Array(HASHES).fill(0xffffffff)
  const count = Math.max(1, tokens.length - SHINGLE + 1)
  for (let at = 0; at < count; at++) {
    const hash = fnv(tokens.slice(at, at + SHINGLE).join(' '))
    for (let i = 0; i < HASHES; i++) {
      const mixed = Math.imul(hash ^ Math.imul(i + 1, 0x9e3779b1), 0x85ebca6b) ^ (hash >>> 13)
      const value = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35) >>> 0
      if (value < (minima[i] ?? 0)) minima[i] = value
    }
  }
  return minima
}

function fnv(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

export function likeness(one: Uint32Array, other: Uint32Array): number {
  let same = 0
  for (let i = 0; i < HASHES; i++) if (one[i] === other[i]) same++
  return same / HASHES
}

/** Every pair of near copies among texts, as indexes, by bands of equal minima. */
export function* nearCopies(hashes: readonly Uint32Array[]): Generator<readonly [number, number]> {
  for (let band = 0; band < HASHES; band += ROWS) {
    const buckets = new Map<string, number[]>()
    for (const [index, minima] of hashes.entries()) {
      const key = minima.subarray(band, band + ROWS).join()
      const bucket = buckets.get(key)
      if (bucket === undefined) buckets.set(key, [index])
      else bucket.push(index)
    }
    for (const bucket of buckets.values()) yield* pairsIn(bucket, hashes)
  }
}

/** Against the bucket's first few only: what is alike to one of many copies is alike to the others. */
function* pairsIn(
  bucket: readonly number[],
  hashes: readonly Uint32Array[],
): Generator<readonly [number, number]> {
  for (const [at, index] of bucket.entries()) {
    for (const earlier of bucket.slice(0, Math.min(at, 8))) {
      const one = hashes[index]
      const other = hashes[earlier]
      if (one !== undefined && other !== undefined && likeness(one, other) >= NEAR) yield [earlier, index]
    }
  }
}

interface Unplaced {
  readonly source: string
  readonly text: string
  readonly basis?: string
}

/**
 * Puts each text on its side by a hash of its group, so that no text has a near copy on the other side. Texts with an
 * equal basis, and those whose bases are near copies, are one group. Of texts that are the same, the first stays.
 */
export function place<T extends Unplaced>(all: readonly T[]): Placed<T>[] {
  const texts = [...new Map(all.toReversed().map(text => [text.text, text])).values()].reverse()
  const bases = [...new Set(texts.map(({ basis, text }) => basis ?? text))]
  const groupOf = groups(bases)
  return texts.map(text => ({
    ...text,
    id: createHash('sha256').update(`${text.source}\n${text.text}`).digest('hex').slice(0, 12),
    side: sideOf(groupOf.get(text.basis ?? text.text) ?? ''),
  }))
}

export function sideOf(group: string): Side {
  const [first = 0] = createHash('sha256').update(`side ${group}`).digest()
  return first < TUNE_SHARE ? 'tune' : 'heldout'
}

/** Each text's group, named by the smallest fingerprint in it: whatever else is in the set, it stays. */
function groups(texts: readonly string[]): ReadonlyMap<string, string> {
  const parent = texts.map((_, index) => index)
  const root = (index: number): number => {
    let at = index
    while (parent[at] !== at) at = parent[at] ?? at
    return at
  }
  for (const [one, other] of nearCopies(texts.map(minHashes))) parent[root(one)] = root(other)
  const names = new Map<number, string>()
  const prints = texts.map(fingerprint)
  for (const [index, print] of prints.entries()) {
    const name = names.get(root(index))
    if (name === undefined || print < name) names.set(root(index), print)
  }
  return new Map(texts.map((text, index) => [text, names.get(root(index)) ?? '']))
}
