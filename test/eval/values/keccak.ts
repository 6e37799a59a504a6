const MASK = (1n << 64n) - 1n
const RATE = 136
const ROTATIONS = [
  0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14,
]

/** Keccak-256 as Ethereum uses it (before the padding of SHA-3), for one block: at most 135 bytes. */
export function keccak256(data: Uint8Array): Buffer {
  if (data.length >= RATE) throw new Error('one block only')
  const block = Buffer.alloc(200)
  block.set(data)
  block[data.length] = 0x01
  block[RATE - 1] = (block[RATE - 1] ?? 0) | 0x80
  const state = Array.from({ length: 25 }, (_, lane) => block.readBigUInt64LE(lane * 8))
  let register = 1
  for (let round = 0; round < 24; round++) {
    permute(state)
    // The round constant: bits of a shift register at the places 2^j - 1.
    for (let j = 0; j < 7; j++) {
      if ((register & 1) === 1) state[0] = (state[0] ?? 0n) ^ (1n << BigInt((1 << j) - 1))
      register = ((register << 1) ^ ((register >> 7) * 0x171)) & 0xff
    }
  }
  const digest = Buffer.alloc(32)
  for (let lane = 0; lane < 4; lane++) digest.writeBigUInt64LE(state[lane] ?? 0n, lane * 8)
  return digest
}

const rotated = (value: bigint, by: number): bigint =>
  ((value << BigInt(by)) | (value >> BigInt(64 - by))) & MASK

/** Theta, rho, pi and chi. */
function permute(state: bigint[]): void {
  const lane = (x: number, y: number): bigint => state[(x % 5) + 5 * (y % 5)] ?? 0n
  const columns = [0, 1, 2, 3, 4].map(x => lane(x, 0) ^ lane(x, 1) ^ lane(x, 2) ^ lane(x, 3) ^ lane(x, 4))
  const mixed = state.map(
    (value, at) => value ^ (columns[(at + 4) % 5] ?? 0n) ^ rotated(columns[(at + 1) % 5] ?? 0n, 1),
  )
  const moved: bigint[] = Array(25).fill(0n)
  for (let at = 0; at < 25; at++) {
    const x = at % 5
    const y = Math.floor(at / 5)
    moved[y + 5 * ((2 * x + 3 * y) % 5)] = rotated(mixed[at] ?? 0n, ROTATIONS[at] ?? 0)
  }
  for (let at = 0; at < 25; at++) {
    const row = 5 * Math.floor(at / 5)
    const next = moved[row + ((at + 1) % 5)] ?? 0n
    state[at] = (moved[at] ?? 0n) ^ (~next & MASK & (moved[row + ((at + 2) % 5)] ?? 0n))
  }
}
