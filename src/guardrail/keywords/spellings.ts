import { openOffsetMap } from '../text/offset-map.ts'
import type { FoldCase, Reading } from './undisguise.ts'
import { openUndisguiser } from './undisguise.ts'

const READINGS: readonly Reading[] = ['as-spelled', 'as-drawn']

/**
 * The word itself, and as what the readings of a text show it. None is less of a word than the word: a sign that only
 * reads as ASCII letters (`™`, or Russian `сор`) would be found in every other word that has them.
 */
export function spellingsOf(word: string, foldCase: FoldCase): readonly string[] {
  const shown = formsOf(word, foldCase).flatMap(form =>
    READINGS.map(reading => openUndisguiser(reading, foldCase, '').read(form, 0, openOffsetMap())),
  )
  const kept = shown.filter(spelling => spelling.trim() !== '' && (isAscii(word) || !isAscii(spelling)))
  return [...new Set([foldCase(word), ...kept])]
}

/** A letter and its marks may be one character or several, and be drawn like another one in one case only. */
function formsOf(word: string, foldCase: FoldCase): readonly string[] {
  if (isAscii(word)) return [word]
  const forms = [word, word.normalize('NFC'), word.normalize('NFD')]
  return foldCase('A') === 'A' ? forms : forms.flatMap(form => [form, form.toLowerCase(), form.toUpperCase()])
}

export function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text)
}
