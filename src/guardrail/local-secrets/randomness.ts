/** Written where a key should stand, or to show what one looks like. */
const PLACEHOLDER =
  /x{6}|\*{3}|\.{3}|example|placeholder|redacted|change_?me|dummy|deadbeef|insert|replace|<|\$\{|\{\{|your[_-]|[_-]here\b|^your|^my[_-]|^(?:test|fake|sample|todo|none|null|undefined)(?![a-z0-9])/i

/** Whether somebody wrote this in place of a key. Keys are random: those of six x in a row are too few to miss. */
export function isPlaceholder(value: string): boolean {
  return PLACEHOLDER.test(value) || isMonotonous(value)
}

const MIN_VARIED_CHARS = 12
const MAX_CLIMB = 7

/** A few characters over and over, or a stretch of the alphabet or of the digits in order. */
function isMonotonous(value: string): boolean {
  if (value.length >= MIN_VARIED_CHARS && new Set(value).size <= 4) return true
  let climb = 0
  for (let i = 1; i < value.length; i++) {
    climb = value.charCodeAt(i) - value.charCodeAt(i - 1) === 1 ? climb + 1 : 0
    if (climb >= MAX_CLIMB) return true
  }
  return false
}

/** Shannon entropy of the characters, in bits each: 0 for one that repeats, 4 for long random hex, 6 for base64. */
export function bitsPerCharacter(value: string): number {
  const counts = new Map<string, number>()
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length)
  return bits
}
