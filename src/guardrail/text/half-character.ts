/** Whether the text ends in the first half of a surrogate pair, which a piece cut off there leaves behind. */
export function endsInHalfCharacter(text: string): boolean {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff
}
