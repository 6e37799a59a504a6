/** The UTF-16 offset of each code point, and of the end: for services that count in code points. */
export function codePointOffsets(text: string): readonly number[] {
  const offsets: number[] = []
  let at = 0
  for (const character of text) {
    offsets.push(at)
    at += character.length
  }
  offsets.push(at)
  return offsets
}
