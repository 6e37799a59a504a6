import { openBase64Runs } from '../text/base64-runs.ts'

/** The ways of hiding text that are undone on request. What only looks different, such as full-width letters, is always read. */
export const ENCODINGS = [
  'base64',
  'hex',
  'binary',
  'escapes',
  'rot13',
  'leetspeak',
  'reversed',
  'spaced',
] as const
export type Encoding = (typeof ENCODINGS)[number]

/** A letter for a letter, so that it is fast enough for a text that is nothing else. */
const ROT13 = Uint16Array.from({ length: 128 }, (_, code) => {
  const letter = (code | 0x20) - 0x61
  return letter >= 0 && letter < 26 && code >= 0x41 ? code - letter + ((letter + 13) % 26) : code
})

export const rot13 = (text: string): string => mapped(text, code => ROT13[code] ?? code)

export const reversed = (text: string): string => [...text].reverse().join('')

const LEET: ReadonlyMap<number, string> = new Map(
  Object.entries({ 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', 8: 'b', '@': 'a', $: 's', '|': 'i' }).map(
    ([sign, letter]): [number, string] => [sign.charCodeAt(0), letter],
  ),
)
const UNLEET = Uint16Array.from({ length: 128 }, (_, code) => LEET.get(code)?.charCodeAt(0) ?? code)

/** Signs in the place of letters, wherever they stand: a number that is none any more does no harm to the words. */
export const unleet = (text: string): string => mapped(text, code => UNLEET[code] ?? code)

function mapped(text: string, map: (code: number) => number): string {
  const units = new Uint16Array(text.length)
  for (let at = 0; at < text.length; at++) units[at] = map(text.charCodeAt(at))
  return Buffer.from(units.buffer).toString('utf16le')
}

/** All that is searched for, in one place so that a test can prove each of them linear. */
export const PATTERNS = {
  betweenWords: /[^\p{L}\p{N}'’]{2,}/u,
  betweenLetters: /(?<=[\p{L}\p{N}'’])[^\p{L}\p{N}'’](?=[\p{L}\p{N}'’])/gu,
  bits: /[01]{8}/g,
  hexPair: /[0-9a-f]{2}(?!x)/gi,
  escape: /\\u([0-9a-f]{4})/gi,
  notPrintable: /[\ufffd\p{Cc}\p{Cn}\p{Co}]/gu,
  lineControl: /[\t\n\r]/g,
} as const

/** Letters with something between them: where two signs or more stand between, a word ends. */
export function unspaced(text: string): string {
  return text
    .split(PATTERNS.betweenWords)
    .map(word => word.replaceAll(PATTERNS.betweenLetters, ''))
    .join(' ')
}

export function fromBinary(text: string): string {
  return fromBytes((text.match(PATTERNS.bits) ?? []).map(bits => Number.parseInt(bits, 2)))
}

/** Pairs of hexadecimal digits, alone, in a row, or each with what marks it as such. */
export function fromHex(text: string): string {
  return fromBytes((text.match(PATTERNS.hexPair) ?? []).map(pair => Number.parseInt(pair, 16)))
}

export function fromEscapes(text: string): string {
  return text.replaceAll(PATTERNS.escape, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}

/** A row of base64, as text; empty where it says none. */
export function fromBase64(row: string): string {
  const runs = openBase64Runs()
  return [...runs.push(row).runs, ...runs.end().runs].map(({ text }) => text).join('\n')
}

const MIN_PRINTABLE = 0.9

/** Empty unless it is mostly text. */
function fromBytes(bytes: readonly number[]): string {
  const text = new TextDecoder().decode(Uint8Array.from(bytes))
  const odd = text.match(PATTERNS.notPrintable)?.length ?? 0
  const breaks = text.match(PATTERNS.lineControl)?.length ?? 0
  return odd - breaks <= text.length * (1 - MIN_PRINTABLE) ? text : ''
}
