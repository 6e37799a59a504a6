import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { TABLE_BITS } from '../../../../src/guardrail/local-prompt-attack/features.ts'
import {
  decodeModel,
  encodeModel,
  FEATURES_VERSION,
  shippedModel,
} from '../../../../src/guardrail/local-prompt-attack/model.ts'
import { TRAITS } from '../../../../src/guardrail/local-prompt-attack/traits.ts'

const FILE = readFileSync('src/guardrail/local-prompt-attack/model.bin')

describe('the shipped model', () => {
  test('is of the version and dimensions that the code has, and small', () => {
    expect(FILE.toString('latin1', 0, 4)).toBe('WPAM')
    expect(FILE.readUInt16LE(4)).toBe(FEATURES_VERSION)
    expect([FILE[6], FILE[7]]).toEqual([TABLE_BITS, TRAITS.length])
    expect(FILE.length).toBeLessThan(2 ** 20)
  })

  test('has what a model needs', () => {
    const { table, traits, slope, offset, step, trainedOn } = shippedModel()
    expect(table).toHaveLength(2 ** TABLE_BITS)
    expect(table.some(weight => weight > 100)).toBe(true)
    expect(table.some(weight => weight < -100)).toBe(true)
    expect([...traits].every(Number.isFinite)).toBe(true)
    expect(slope).toBeGreaterThan(0)
    expect(step).toBeGreaterThan(0)
    expect(offset).toBeLessThan(5)
    expect(trainedOn).toMatch(/^[0-9a-f]{64}$/)
  })

  test('comes out of the code as it went in', () => {
    expect(Buffer.from(encodeModel(decodeModel(FILE))).equals(FILE)).toBe(true)
  })
})

describe('a model that cannot be used is an error, never a clean verdict', () => {
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(FILE)
    change(bytes)
    return bytes
  }

  /** Whole, so that nothing but the change itself tells. */
  const sealed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = changed(change).subarray(0, -32)
    return Buffer.concat([bytes, createHash('sha256').update(bytes).digest()])
  }

  test('what is sealed again is whole', () => expect(sealed(() => {}).equals(FILE)).toBe(true))

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['something else', Buffer.from('<html>not found</html>'.repeat(10_000))],
    ['another version', sealed(bytes => bytes.writeUInt16LE(FEATURES_VERSION + 1, 4))],
    ['another table', sealed(bytes => bytes.writeUInt8(TABLE_BITS + 1, 6))],
    ['other traits', sealed(bytes => bytes.writeUInt8(1, 7))],
    ['the header alone', FILE.subarray(0, 20)],
    ['a cut one', FILE.subarray(0, -1)],
    ['one with more behind it', Buffer.concat([FILE, Buffer.of(0)])],
    ['a flipped bit in the table', changed(bytes => bytes.writeUInt8((bytes[4000] ?? 0) ^ 1, 4000))],
    ['a flipped bit in the calibration', changed(bytes => bytes.writeUInt8((bytes[13] ?? 0) ^ 1, 13))],
    [
      'a flipped bit in the hash',
      changed(bytes => bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1)),
    ],
  ])('%s', (_, bytes) => {
    expect(() => decodeModel(bytes)).toThrow(expect.objectContaining({ name: 'WeirError', code: 'bug' }))
  })
})
