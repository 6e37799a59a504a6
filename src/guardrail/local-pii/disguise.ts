import { asciiOfTag, isHidden, isLooseMark, isPlainAscii } from '../characters.ts'
import type { OffsetMap } from '../offset-map.ts'

/** Every character that `readAs` changes is among these. */
const DISGUISES =
  '[\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000\\u2800\\u2010-\\u2015\\u2024\\u2212\\u2100-\\u214f\\ufb29\\ufe50-\\ufe6b' +
  '\\uff01-\\uff5e\\u{1d400}-\\u{1d7ff}\\u0300-\\u036f\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f' +
  '\\p{Default_Ignorable_Code_Point}\\p{Me}\\0-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f]'
const DISGUISE = new RegExp(DISGUISES, 'u')
const EVERY_DISGUISE = new RegExp(DISGUISES, 'gu')

/** Whether the text reads differently once it is undisguised. Plain ASCII is told at once. */
export function isDisguised(text: string): boolean {
  return !isPlainAscii(text) && DISGUISE.test(text)
}

/**
 * Undoes what hides an entity from a pattern but not from a reader, and nothing that tells entities apart: invisible
 * characters and loose marks go; full-width, mathematical and tag characters become the ASCII that they show; spaces
 * and dashes become the plain ones, each of them one. Line breaks, letters of any script and raised digits stay. What
 * is read is added to `map`; the text starts at `start` of the original and holds whole characters only.
 */
export function undisguise(text: string, start: number, map: OffsetMap): string {
  let read = ''
  let at = 0
  const addPlain = (end: number): void => {
    read += text.slice(at, end)
    map.append(end - at, start + at, start + end)
    at = end
  }
  for (const { index, 0: character } of text.matchAll(EVERY_DISGUISE)) {
    addPlain(index)
    const plain = readAs(character)
    at = index + character.length
    map.append(plain.length, start + index, start + at)
    read += plain
  }
  addPlain(text.length)
  return read
}

const SPACE = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u2800\u115f\u1160\u3164\uffa0]/
const DASH = /[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/
/** Not the raised, lowered, circled and Roman ones, which are numbers of their own kind. */
const COMPATIBLE = /[\p{Nd}\p{Lu}\p{Ll}\p{P}\p{S}]/u
/** What entities are made of, and what names one. Other signs only stand around them. */
const PART_OF_ENTITY = /^[A-Za-z0-9@.,+()/_%"':=-]$/

function readAs(character: string): string {
  const tagged = asciiOfTag(character.codePointAt(0) ?? 0)
  if (tagged !== undefined) return tagged
  if (SPACE.test(character)) return ' '
  if (DASH.test(character)) return '-'
  if (isHidden(character) || isLooseMark(character)) return ''
  if (!COMPATIBLE.test(character)) return character
  const compatible = character.normalize('NFKC')
  return PART_OF_ENTITY.test(compatible) ? compatible : character
}
