import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { WeirError } from '../../errors.ts'
import { TABLE_BITS } from './features.ts'
import { TRAITS } from './traits.ts'

/** What the classifier knows: made by scripts/train-prompt-attack.ts, described in docs/prompt-attack-model.md. */
export interface Model {
  /** A weight for each place of the features' table, in steps of `step`. */
  readonly table: Int8Array
  readonly step: number
  /** A weight for each trait, in their order. */
  readonly traits: Float32Array
  /** What makes a score of a sum: 1 / (1 + exp(-(slope * sum + offset))). */
  readonly slope: number
  readonly offset: number
  /** Of the texts that it was trained on, hexadecimal. */
  readonly trainedOn: string
}

/** Goes up with every change of what a feature or a trait is: a model of another version says nothing about these. */
export const FEATURES_VERSION = 1

const MAGIC = 'WPAM'
const HASH_BYTES = 32
/** Magic, version, table bits, traits, step, slope, offset. */
const FIXED_BYTES = 4 + 2 + 1 + 1 + 4 + 4 + 4
const TRAITS_BYTES = TRAITS.length * 4
const TABLE_AT = FIXED_BYTES + TRAITS_BYTES + HASH_BYTES
const MODEL_BYTES = TABLE_AT + 2 ** TABLE_BITS + HASH_BYTES

const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** Little endian: the header, the traits' weights, the data's hash, the table, and a hash of all that. */
export function encodeModel({ table, step, traits, slope, offset, trainedOn }: Model): Uint8Array {
  const bytes = Buffer.alloc(MODEL_BYTES)
  bytes.write(MAGIC, 'latin1')
  bytes.writeUInt16LE(FEATURES_VERSION, 4)
  bytes.writeUInt8(TABLE_BITS, 6)
  bytes.writeUInt8(TRAITS.length, 7)
  bytes.writeFloatLE(step, 8)
  bytes.writeFloatLE(slope, 12)
  bytes.writeFloatLE(offset, 16)
  for (const [index, weight] of traits.entries()) bytes.writeFloatLE(weight, FIXED_BYTES + index * 4)
  bytes.write(trainedOn, FIXED_BYTES + TRAITS_BYTES, 'hex')
  bytes.set(new Uint8Array(table.buffer, table.byteOffset, table.length), TABLE_AT)
  bytes.set(hashOf(bytes.subarray(0, -HASH_BYTES)), MODEL_BYTES - HASH_BYTES)
  return bytes
}

/** Throws WeirError `bug` for anything but a whole model of this version: without one no text could be called clean. */
export function decodeModel(file: Uint8Array): Model {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
  const wrong = (what: string) =>
    new WeirError('bug', `the model of local-prompt-attack cannot be used: ${what}`)
  if (bytes.toString('latin1', 0, 4) !== MAGIC) throw wrong('it is no such model')
  if (bytes.length < FIXED_BYTES || bytes.readUInt16LE(4) !== FEATURES_VERSION) throw wrong('another version')
  if (bytes[6] !== TABLE_BITS || bytes[7] !== TRAITS.length) throw wrong('other dimensions')
  if (bytes.length !== MODEL_BYTES) throw wrong('it is cut short, or too long')
  if (!hashOf(bytes.subarray(0, -HASH_BYTES)).equals(bytes.subarray(-HASH_BYTES)))
    throw wrong('it is damaged')
  return {
    step: bytes.readFloatLE(8),
    slope: bytes.readFloatLE(12),
    offset: bytes.readFloatLE(16),
    traits: Float32Array.from(TRAITS, (_, index) => bytes.readFloatLE(FIXED_BYTES + index * 4)),
    trainedOn: bytes.toString('hex', FIXED_BYTES + TRAITS_BYTES, TABLE_AT),
    table: Int8Array.from(bytes.subarray(TABLE_AT, -HASH_BYTES), weight => (weight << 24) >> 24),
  }
}

let shipped: Model | undefined

/** The model beside this file, read when a guardrail is first made: at start, never while traffic waits. */
export function shippedModel(): Model {
  shipped ??= decodeModel(readShipped())
  return shipped
}

function readShipped(): Uint8Array {
  try {
    return readFileSync(new URL('model.bin', import.meta.url))
  } catch (cause) {
    throw new WeirError('bug', 'the model of local-prompt-attack cannot be read', { cause })
  }
}
