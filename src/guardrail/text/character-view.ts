import { asciiOfTag, isHidden, isLooseMark, isPlainAscii } from './characters.ts'
import type { OffsetMap } from './offset-map.ts'

/** How a guardrail takes characters that show as others. */
export interface Spelling {
  /** The inside of a class: every character that is taken for another, or for none, is in it. */
  readonly disguises: string
  /**
   * What a character shows as, where that is plainer. Of those that it has nothing to say of, hidden ones and loose marks
   * are left out. Not asked of tags, which are the ASCII that they stand for.
   */
  readonly plainOf: (character: string) => string | undefined
}

/** A second look at a text, by one spelling. */
export interface CharacterView {
  /** Whether the text reads differently in it. Plain ASCII is told at once. */
  changes(text: string): boolean
  /**
   * The text as it reads. What is read is added to `map`, and every change told to `onChange` by what it left in the
   * view; the text starts at `start` of the original and holds whole characters only.
   */
  read(text: string, start: number, map: OffsetMap, onChange?: (at: number, units: number) => void): string
}

/** At most this many characters are remembered; more are looked at anew each time. */
const MAX_REMEMBERED = 8192

export function openCharacterView({ disguises, plainOf }: Spelling): CharacterView {
  const disguise = new RegExp(`[${disguises}]`, 'u')
  const remembered = new Map<number, string | undefined>()

  /** What the character reads as, or undefined when that is itself. */
  const changeOf = (codePoint: number): string | undefined => {
    if (remembered.has(codePoint)) return remembered.get(codePoint)
    const character = String.fromCodePoint(codePoint)
    const plain = disguise.test(character) ? readAs(codePoint, character, plainOf) : undefined
    const change = plain === character ? undefined : plain
    if (remembered.size < MAX_REMEMBERED) remembered.set(codePoint, change)
    return change
  }

  return {
    changes: text => !isPlainAscii(text) && disguise.test(text),
    read(text, start, map, onChange) {
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
        const plain = changeOf(codePoint)
        if (plain !== undefined) {
          map.append(next - at, start + at, start + next)
          map.append(plain.length, start + next, start + end)
          view += text.slice(at, next)
          onChange?.(view.length, plain.length)
          view += plain
          at = end
        }
        next = end
      }
      map.append(text.length - at, start + at, start + text.length)
      return view + text.slice(at)
    },
  }
}

function readAs(codePoint: number, character: string, plainOf: Spelling['plainOf']): string | undefined {
  const tagged = asciiOfTag(codePoint)
  if (tagged !== undefined) return tagged
  const plain = plainOf(character)
  if (plain !== undefined) return plain
  return isHidden(character) || isLooseMark(character) ? '' : undefined
}

/** Most of all text: printable ASCII, Greek, Cyrillic and Hebrew letters, Han and Hangul. */
function standsForItself(unit: number): boolean {
  if (unit < 0x80) return (unit >= 0x20 && unit < 0x7f) || (unit >= 0x09 && unit <= 0x0d)
  return (
    (unit >= 0x0370 && unit < 0x0483) ||
    (unit >= 0x048a && unit < 0x0600) ||
    (unit >= 0x3400 && unit < 0xa000) ||
    (unit >= 0xac00 && unit < 0xd7a4)
  )
}
