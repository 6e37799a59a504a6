/**
 * Lower case with every UTF-16 offset kept. Only U+0130 grows when lowered (to i and a combining dot), so it goes
 * first; a final sigma is lowered by its place in the word, so both sigmas become one.
 */
export function foldCase(text: string): string {
  return text.replaceAll('\u0130', 'i').toLowerCase().replaceAll('\u03c2', '\u03c3')
}
