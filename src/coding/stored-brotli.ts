/** As many bytes as the four nibbles of a length can say. */
const BLOCK_BYTES = 65_536
const HEAD_BYTES = 3
/** An empty last meta-block. */
const END = 0x03
/** What tells an uncompressed meta-block, behind the 16 bits of its length. */
const UNCOMPRESSED = 1 << 16

/** The body as brotli (RFC 7932, section 9.2) that compresses nothing: it costs a copy, whatever is in it. */
export function storedBrotli(body: Uint8Array): Uint8Array {
  const blocks = Math.ceil(body.length / BLOCK_BYTES)
  const out = new Uint8Array(body.length + blocks * HEAD_BYTES + 1)
  let at = 0
  for (let from = 0; from < body.length; from += BLOCK_BYTES) {
    const block = body.subarray(from, from + BLOCK_BYTES)
    // Not the last one, with a length of four nibbles: three zeros. Before all stands a zero, a window of 16 bits.
    const head = (UNCOMPRESSED | (block.length - 1)) << (from === 0 ? 4 : 3)
    out[at++] = head & 0xff
    out[at++] = (head >> 8) & 0xff
    out[at++] = head >> 16
    out.set(block, at)
    at += block.length
  }
  // Where there is no block the window has not been said.
  out[at] = body.length === 0 ? END << 1 : END
  return out
}
