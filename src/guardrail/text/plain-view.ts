import { openCharacterView } from './character-view.ts'

/** The full stops that a resolver takes for one (UTS 46). */
const STOP = /[\u3002\uff0e\uff61]/
const PRINTABLE = /^[!-~]$/

/**
 * The text as whoever copies a key or opens an address reads it: hidden characters and loose marks left out, full-width,
 * mathematical and tag characters as the ASCII that they show.
 */
export const PLAIN_VIEW = openCharacterView({
  disguises:
    '\\u0300-\\u036f\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f\\u2024\\u2044\\u2100-\\u214f\\u3002\\ufe50-\\ufe6b' +
    '\\uff01-\\uff61\\u{1d400}-\\u{1d7ff}\\p{Default_Ignorable_Code_Point}\\p{Me}\\0-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f',
  plainOf(character) {
    if (STOP.test(character)) return '.'
    const compatible = character.normalize('NFKC')
    return PRINTABLE.test(compatible) ? compatible : undefined
  },
})
