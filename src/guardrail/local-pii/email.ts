import type { Candidate } from './candidate.ts'

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

/**
 * E-mail addresses, from each at sign outwards: at most 64 and 255 units are read around one, so that text full of
 * almost-addresses costs no more than its length.
 */
export function findEmails(text: string): Candidate[] {
  const found: Candidate[] = []
  let previousEnd = 0
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    const start = localStart(text, at, previousEnd)
    if (start === at) continue
    const end = domainEnd(text, at + 1)
    if (end === -1 || isScpRemote(text, start, at, end)) continue
    found.push({ start, end, score: 0.95 })
    previousEnd = end
  }
  return found
}

function localStart(text: string, at: number, floor: number): number {
  const lowest = Math.max(floor, at - MAX_LOCAL)
  let start = at
  while (start > lowest && isLocal(text[start - 1] ?? '')) start--
  while (start < at && LOCAL_SIGNS.includes(text[start] ?? '')) start++
  const local = text.slice(start, at)
  return local.includes('..') || local.endsWith('.') || local.endsWith("'") ? at : start
}

function isLocal(character: string): boolean {
  return LOCAL_SIGNS.includes(character) || LETTER.test(character)
}

/** Where the longest valid domain at `from` ends, or -1. A sentence's full stop and what follows it stay out. */
function domainEnd(text: string, from: number): number {
  const highest = Math.min(text.length, from + MAX_DOMAIN)
  let end = from
  while (end < highest && isDomain(text[end] ?? '')) end++
  const labels: string[] = []
  for (const label of text.slice(from, end).split('.')) {
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
