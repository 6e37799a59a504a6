/**
 * What the bytes of a JSON body say of its structure before anything is built from them. The bytes need not be JSON:
 * what is counted then means nothing, and the parser refuses it.
 */
export interface JsonStructure {
  /** Most brackets open at once. */
  readonly depth: number
  /** Members written, those of a key that stands twice included: outside of strings every colon stands behind a key. */
  readonly members: number
  /** Objects and arrays. */
  readonly containers: number
  /** Commas: scalars and members, less one for each object or array that is not empty. */
  readonly commas: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
/** Bit 5 is all that tells `{` from `[` and `}` from `]`. */
const CURLY_BIT = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d

/** Looks at every byte outside of strings once; strings, most of a body, are skipped by search. */
export function scanJson(body: Uint8Array): JsonStructure {
  let depth = 0
  let deepest = 0
  let members = 0
  let containers = 0
  let commas = 0
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]!
    if (byte === QUOTE) at = closingQuote(body, at)
    else if (byte === COMMA) commas++
    else if (byte === COLON) members++
    else if ((byte | CURLY_BIT) === CLOSING) depth--
    else if ((byte | CURLY_BIT) === OPENING) {
      containers++
      if (++depth > deepest) deepest = depth
    }
  }
  return { depth: deepest, members, containers, commas }
}

/** A search costs as much to begin as a look at so many bytes: short strings are looked through instead. */
const SHORT_BYTES = 32

/** The index of the quote that closes the string opened at `open`; the body's length when none does. */
function closingQuote(body: Uint8Array, open: number): number {
  let at = open + 1
  while (at < body.length) {
    for (const near = Math.min(at + SHORT_BYTES, body.length); at < near; at++) {
      const byte = body[at]
      if (byte === QUOTE) return at
      if (byte === BACKSLASH) at++
    }
    const found = body.indexOf(QUOTE, at)
    if (found === -1) return body.length
    // An even number of backslashes before it escape each other. Before `at` every one has been paired.
    let before = found
    while (before > at && body[before - 1] === BACKSLASH) before--
    if ((found - before) % 2 === 0) return found
    at = found + 1
  }
  return body.length
}
