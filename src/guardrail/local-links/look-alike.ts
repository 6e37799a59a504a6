import { normalise } from '../text/normalise.ts'

/** Below it, too many ordinary names are one letter away, and as a word it says too little. */
const LEAST_UNITS = 5
const LEAST_WORD = 5

/** Domains that others may pretend to be. */
export interface Originals {
  /** Whether a host, which is none of them, is made to be taken for one. */
  isImitatedBy(host: string): boolean
}

/** Compiled once; a look costs by the number of domains that are about as long as the host. */
export function compileOriginals(domains: readonly string[]): Originals {
  const originals = [...new Set(domains)].map(domain => ({
    domain,
    skeleton: skeletonOf(domain),
    labels: domain.split('.').length,
    word: domain.split('.')[0] ?? '',
  }))
  const words = new Set(originals.map(({ word }) => word).filter(word => word.length >= LEAST_WORD))
  return {
    isImitatedBy(host) {
      const labels = host.split('.')
      const ends = new Map<number, { readonly name: string; readonly skeleton: string }>()
      const endOf = (count: number) => {
        const known = ends.get(count)
        if (known !== undefined) return known
        const name = labels.slice(-count).join('.')
        const end = { name, skeleton: skeletonOf(name) }
        ends.set(count, end)
        return end
      }
      const isAlike = originals.some(original => {
        const end = endOf(original.labels)
        if (end.name === original.domain) return false
        if (end.skeleton === original.skeleton) return true
        return original.domain.length >= LEAST_UNITS + 4 && isOneEditAway(end.skeleton, original.skeleton)
      })
      if (isAlike) return true
      // `example.com.evil.net`, `example-login.com`; a subdomain of an original is not listed, but no imitation.
      if (originals.some(({ domain }) => host === domain || host.endsWith(`.${domain}`))) return false
      return host.split(/[.-]/).some(word => words.has(word))
    },
  }
}

/** What is drawn alike in lower case, read as one. */
function skeletonOf(name: string): string {
  const { text } = normalise(name)
  return text
    .replace(/rn/g, 'm')
    .replace(/vv/g, 'w')
    .replace(/[01i35]/g, digit => DRAWN_AS[digit] ?? digit)
}

const DRAWN_AS: Readonly<Record<string, string>> = { 0: 'o', 1: 'l', i: 'l', 3: 'e', 5: 's' }

/** One character more, less, other, or two of them swapped. */
function isOneEditAway(one: string, other: string): boolean {
  if (Math.abs(one.length - other.length) > 1) return false
  let start = 0
  while (start < one.length && one[start] === other[start]) start++
  let ends = 0
  const most = Math.min(one.length, other.length) - start
  while (ends < most && one[one.length - 1 - ends] === other[other.length - 1 - ends]) ends++
  const left = one.slice(start, one.length - ends)
  const right = other.slice(start, other.length - ends)
  if (left.length <= 1 && right.length <= 1) return true
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0]
}
