import { openCharacterView } from '../text/character-view.ts'

const SPACE = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u2800\u115f\u1160\u3164\uffa0]/
const DASH = /[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/
/** Not the raised, lowered, circled and Roman ones, which are numbers of their own kind. */
const COMPATIBLE = /[\p{Nd}\p{Lu}\p{Ll}\p{P}\p{S}]/u
/** What entities are made of, and what names one. Other signs only stand around them. */
const PART_OF_ENTITY = /^[A-Za-z0-9@.,+()/_%"':=-]$/

/**
 * Undoes what hides an entity from a pattern but not from a reader, and nothing that tells entities apart: invisible
 * characters and loose marks go; full-width, mathematical and tag characters become the ASCII that they show; spaces
 * and dashes become the plain ones, each of them one. Line breaks, letters of any script and raised digits stay.
 */
export const UNDISGUISED = openCharacterView({
  disguises:
    '\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000\\u2800\\u2010-\\u2015\\u2024\\u2212\\u2100-\\u214f\\ufb29\\ufe50-\\ufe6b' +
    '\\uff01-\\uff5e\\u{1d400}-\\u{1d7ff}\\u0300-\\u036f\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f' +
    '\\p{Default_Ignorable_Code_Point}\\p{Me}\\0-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f',
  plainOf(character) {
    if (SPACE.test(character)) return ' '
    if (DASH.test(character)) return '-'
    if (!COMPATIBLE.test(character)) return undefined
    const compatible = character.normalize('NFKC')
    return PART_OF_ENTITY.test(compatible) ? compatible : undefined
  },
})
