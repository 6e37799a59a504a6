const FIRST_TAG = 0xe0020
const LAST_TAG = 0xe007e
const FIRST_PRINTABLE = 0x20

/** The ASCII that an invisible tag character stands for, or undefined for any other character. */
export function asciiOfTag(codePoint: number): string | undefined {
  if (codePoint < FIRST_TAG || codePoint > LAST_TAG) return undefined
  return String.fromCharCode(codePoint - FIRST_TAG + FIRST_PRINTABLE)
}

/** White space and the letters and symbols that show as space (Hangul fillers, the empty Braille cell); no U+FEFF. */
const BLANK = /(?!\ufeff)[\s\u115f\u1160\u2800\u3164\uffa0]/

export function isBlank(character: string): boolean {
  return BLANK.test(character)
}

const HIDDEN = /(?![\t\n\v\f\r\x85])[\p{Default_Ignorable_Code_Point}\p{Me}\p{Cc}]/u

/** Shows nothing of its own: zero-width and bidi characters, selectors, tags, controls, what only encloses another. */
export function isHidden(character: string): boolean {
  return HIDDEN.test(character)
}

/** Marks that can be put over any letter of any script; those of one script are part of how it is spelled. */
const LOOSE_MARK = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/

export function isLooseMark(character: string): boolean {
  return LOOSE_MARK.test(character)
}

/** Anchored, which is twice as fast as a search for what is not plain. */
const PLAIN_ASCII = /^[\t\n\r\x20-\x7e]*$/

/** Whether the text is printable ASCII with tabs and line breaks: no character in it shows as anything else. */
export function isPlainAscii(text: string): boolean {
  return PLAIN_ASCII.test(text)
}
