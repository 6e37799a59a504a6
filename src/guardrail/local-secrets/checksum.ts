import { crc32 } from 'node:zlib'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const CHECKSUM_CHARS = 6

/** GitHub's tokens and npm's end in the CRC-32 of what stands before it, in base 62, its highest digit first. */
export function endsInCrc32(body: string): boolean {
  let rest = crc32(body.slice(0, -CHECKSUM_CHARS))
  let checksum = ''
  for (let i = 0; i < CHECKSUM_CHARS; i++) {
    checksum = BASE62.charAt(rest % BASE62.length) + checksum
    rest = Math.floor(rest / BASE62.length)
  }
  return body.endsWith(checksum)
}
