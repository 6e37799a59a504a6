/**
 * The candidate that a misspelt word most likely meant; undefined when none is close. Case, dashes, underscores
 * and the plural of `y` do not count, so that `failOpen` finds `fail_open`, and `policy` `policies`.
 */
export function closestWord(word: string, candidates: readonly string[]): string | undefined {
  const plain = fold(word)
  let best: string | undefined
  let bestDistance = Math.min(2, Math.floor(plain.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(plain, fold(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Words past this length are never compared to the end: no key of ours is so long, and the cost is quadratic. */
const MAX_COMPARED = 64

function fold(word: string): string {
  return word.toLowerCase().replace(/[-_ ]/g, '').replace(/ies$/, 'y').slice(0, MAX_COMPARED)
}

/** How many letters are wrong, missing, too many, or swapped with their neighbour: Levenshtein's distance with swaps. */
function editDistance(a: string, b: string): number {
  let twoAbove: readonly number[] = []
  let above: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? twoAbove[j - 2]! + 1 : Number.POSITIVE_INFINITY
      row.push(Math.min(substituted, swapped, above[j]! + 1, row[j - 1]! + 1))
    }
    twoAbove = above
    above = row
  }
  return above[b.length]!
}
