const EMPTY = new Uint8Array(0)

/** One array from many; no copy when there is only one. */
export function concatBytes(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 0) return EMPTY
  if (pieces.length === 1) return pieces[0]!
  const out = new Uint8Array(byteLength(pieces))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.byteLength
  }
  return out
}

export function byteLength(pieces: readonly Uint8Array[]): number {
  let sum = 0
  for (const piece of pieces) sum += piece.byteLength
  return sum
}
