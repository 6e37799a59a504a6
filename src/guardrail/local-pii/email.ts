import type { Candidate, Reader } from './candidate.ts'
import type { EntitySettings } from './entity.ts'

// RFC 5321: 64 octets before the at sign, 255 after it.
const MAX_LOCAL = 64
const MAX_DOMAIN = 255

/** Letters of scripts that put spaces between words: in the others the sentence would be taken for the local part. */
const LETTER = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Nd}]/u
const LOCAL_SIGNS = "._%+-'"

/** Domain names that are files: `logo@2x.png`. None of them is a top-level domain. */
const FILE_ENDINGS = new Set(
  'png jpg jpeg gif svg webp bmp ico css scss js mjs cjs jsx tsx json html htm xml yaml yml txt csv'.split(
    ' ',
  ),
)

const SCORE = 0.95

/**
 * E-mail addresses, from each at sign outwards: at most 64 and 255 units are read around one, so that text full of
 * almost-addresses costs no more than its length. The longest has 320 units, and is decided by the one behind it.
 */
export function emailReader({ detector, rank, minScore, allows }: EntitySettings): Reader {
  return (text, from, textEnd) => {
    const found: Candidate[] = []
    let previousEnd = from
    for (let at = text.indexOf('@', from); at !== -1; at = text.indexOf('@', at + 1)) {
      const start = localStart(text, at, previousEnd)
      if (start === at) continue
      const runEnd = domainRunEnd(text, at + 1)
      if (textEnd === 'open' && isUndecided(text, runEnd)) return { found, openFrom: start, resumeAt: start }
      const end = domainEnd(text, at + 1, runEnd)
      if (end === -1 || isScpRemote(text, start, at, end)) continue
      const allowed = allows(text.slice(start, end))
      if (SCORE >= minScore) found.push({ detector, rank, start, end, score: SCORE, allowed })
      previousEnd = end
    }
    const openFrom = textEnd === 'closed' ? text.length : localRunStart(text, text.length, previousEnd)
    return { found, openFrom, resumeAt: openFrom }
  }
}

/** Whether more text can lengthen the domain, or show that what it ends at is a path. */
function isUndecided(text: string, runEnd: number): boolean {
  return runEnd === text.length || (runEnd === text.length - 1 && text[runEnd] === ':')
}

/** Where a local part that ends at `at` would start: it reaches back to `floor` at most, and begins with no sign. */
function localRunStart(text: string, at: number, floor: number): number {
  const lowest = Math.max(floor, at - MAX_LOCAL)
  let start = at
  while (start > lowest && isLocal(text.charAt(start - 1))) start--
  while (start < at && LOCAL_SIGNS.includes(text.charAt(start))) start++
  return start
}

/** Where the local part before the at sign starts; `at` when there is none. */
function localStart(text: string, at: number, floor: number): number {
  const start = localRunStart(text, at, floor)
  const local = text.slice(start, at)
  return local.includes('..') || local.endsWith('.') || local.endsWith("'") ? at : start
}

function isLocal(character: string): boolean {
  return LOCAL_SIGNS.includes(character) || LETTER.test(character)
}

function domainRunEnd(text: string, from: number): number {
  const highest = Math.min(text.length, from + MAX_DOMAIN)
  let end = from
  while (end < highest && isDomain(text.charAt(end))) end++
  return end
}

/** Where the longest valid domain in the run ends, or -1. A sentence's full stop and what follows it stay out. */
function domainEnd(text: string, from: number, runEnd: number): number {
  const labels: string[] = []
  for (const label of text.slice(from, runEnd).split('.')) {
    if (!isLabel(label)) break
    labels.push(label)
  }
  while (labels.length > 1 && !isTopLevel(labels.at(-1) ?? '')) labels.pop()
  return labels.length < 2 ? -1 : from + labels.join('.').length
}

function isDomain(character: string): boolean {
  return character === '.' || character === '-' || LETTER.test(character)
}

function isLabel(label: string): boolean {
  return label.length > 0 && label.length <= 63 && !label.startsWith('-') && !label.endsWith('-')
}

function isTopLevel(label: string): boolean {
  if (label.toLowerCase().startsWith('xn--')) return true
  return label.length >= 2 && !/[\d-]/.test(label) && !FILE_ENDINGS.has(label.toLowerCase())
}

/** `git@example.com:team/repo.git` names a repository, not a person. */
function isScpRemote(text: string, start: number, at: number, end: number): boolean {
  return text[end] === ':' && /^(?:git|hg)$/i.test(text.slice(start, at)) && /\S/.test(text[end + 1] ?? '')
}
