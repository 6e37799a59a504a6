import type { Matcher } from './match.ts'

/** A literal and what reads on from it. */
export interface Anchor {
  /** At least three units. */
  readonly literal: string
  readonly match: Matcher
}

/** Finds out in constant time which anchors may begin where three units stand. */
export interface AnchorTable {
  /** By the hash of three units: 0 for none, else the place of their anchors in `groups`. */
  readonly groupOf: Uint16Array
  readonly groups: readonly (readonly Anchor[])[]
}

const HASH_BITS = 15
const HASH_MASK = (1 << HASH_BITS) - 1

/** The hash after one more unit: five bits of shift forget the fourth unit back. */
export function nextHash(hash: number, unit: number): number {
  return ((hash << 5) ^ unit) & HASH_MASK
}

export function anchorTable(anchors: readonly Anchor[]): AnchorTable {
  const groupOf = new Uint16Array(HASH_MASK + 1)
  const groups: Anchor[][] = [[]]
  // The longest literal goes first: `sk-ant-api03-` before `sk-`.
  for (const anchor of anchors.toSorted((a, b) => b.literal.length - a.literal.length)) {
    let hash = 0
    for (let i = 0; i < 3; i++) hash = nextHash(hash, anchor.literal.charCodeAt(i))
    const place = groupOf[hash] || groups.length
    groupOf[hash] = place
    groups[place] = [...(groups[place] ?? []), anchor]
  }
  return { groupOf, groups }
}
