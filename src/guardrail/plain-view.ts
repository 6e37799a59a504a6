import { asciiOfTag, isHidden, isLooseMark, isPlainAscii } from './characters.ts'
import type { OffsetMap } from './offset-map.ts'

/** Every character that `readAs` changes is among these. */
const DISGUISE = new RegExp(
  '[\\u0300-\\u036f\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f\\u2024\\u2044\\u2100-\\u214f\\u3002\\ufe50-\\ufe6b' +
    '\\uff01-\\uff61\\u{1d400}-\\u{1d7ff}\\p{Default_Ignorable_Code_Point}\\p{Me}\\0-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f]',
  'u',
)

/** Whether the text's plain view is another. Plain ASCII is told at once. */
export function hasPlainView(text: string): boolean {
  return !isPlainAscii(text) && DISGUISE.test(text)
}

/**
 * The text as whoever copies a key or opens an address reads it: hidden characters and loose marks left out, full-width,
 * mathematical and tag characters as the ASCII that they show. What is read is added to `map`, and every change told to
 * `onChange` by what it left in the view; the text starts at `start` of the original and holds whole characters only.
 */
export function plainView(
  text: string,
  start: number,
  map: OffsetMap,
  onChange: (at: number, units: number) => void,
): string {
  let view = ''
  let at = 0
  for (let next = 0; next < text.length; ) {
    const unit = text.charCodeAt(next)
    if (standsForItself(unit)) {
      next++
      continue
    }
    const codePoint = text.codePointAt(next) ?? 0
    const end = next + (codePoint > 0xffff ? 2 : 1)
    const plain = known(codePoint)
    if (plain !== undefined) {
      if (next > at) map.append(next - at, start + at, start + next)
      map.append(plain.length, start + next, start + end)
      view += text.slice(at, next)
      onChange(view.length, plain.length)
      view += plain
      at = end
    }
    next = end
  }
  map.append(text.length - at, start + at, start + text.length)
  return view + text.slice(at)
}

/** Most of all text: printable ASCII, Greek, Cyrillic and Hebrew letters, Han and Hangul. */
function standsForItself(unit: number): boolean {
  if (unit < 0x80) return (unit >= 0x20 && unit < 0x7f) || (unit >= 0x09 && unit <= 0x0d)
  return (
    (unit >= 0x0370 && unit < 0x0600) ||
    (unit >= 0x3400 && unit < 0xa000) ||
    (unit >= 0xac00 && unit < 0xd7a4)
  )
}

/** At most this many characters are remembered; more are looked at anew each time. */
const MAX_REMEMBERED = 8192
const remembered = new Map<number, string | undefined>()

/** What the character reads as, or undefined when that is itself. */
function known(codePoint: number): string | undefined {
  if (remembered.has(codePoint)) return remembered.get(codePoint)
  const character = String.fromCodePoint(codePoint)
  const plain = DISGUISE.test(character) ? readAs(character) : character
  const change = plain === character ? undefined : plain
  if (remembered.size < MAX_REMEMBERED) remembered.set(codePoint, change)
  return change
}

/** The full stops that a resolver takes for one (UTS 46). */
const STOP = /[\u3002\uff0e\uff61]/
const PRINTABLE = /^[!-~]$/

function readAs(character: string): string {
  const tagged = asciiOfTag(character.codePointAt(0) ?? 0)
  if (tagged !== undefined) return tagged
  if (STOP.test(character)) return '.'
  if (isHidden(character) || isLooseMark(character)) return ''
  const compatible = character.normalize('NFKC')
  return PRINTABLE.test(compatible) ? compatible : character
}
