import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MessageReader } from '../../../src/grpc/message-reader.ts'
import { framed } from '../../support/grpc-wire.ts'

const MESSAGE = fc.uint8Array({ maxLength: 300 })

/** All that a reader gives for these chunks, read after each of them. */
function readAll(chunks: readonly Uint8Array[], maxBytes = 1000): (string | Buffer)[] {
  const reader = new MessageReader(maxBytes)
  const read: (string | Buffer)[] = []
  for (const chunk of chunks) {
    reader.push(Buffer.from(chunk))
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      if (typeof next === 'string') return [...read, next]
      read.push(next.bytes)
    }
  }
  return read
}

test('messages are the same under any cutting', () => {
  fc.assert(
    fc.property(fc.array(MESSAGE), fc.array(fc.nat(700)), (messages, sizes) => {
      let rest = Buffer.concat(messages.map(message => framed(message)))
      const chunks: Buffer[] = []
      for (const size of sizes) {
        chunks.push(rest.subarray(0, size))
        rest = rest.subarray(size)
      }
      expect(readAll([...chunks, rest])).toEqual(messages.map(message => Buffer.from(message)))
    }),
  )
})

test('a long message in the smallest pieces takes time by its length', () => {
  const reader = new MessageReader(4_000_000)
  const bytes = framed(Buffer.alloc(200_000, 7))
  for (let at = 0; at < bytes.length; at++) {
    if (reader.next() !== undefined) throw new Error(`a message after ${at} bytes`)
    reader.push(bytes.subarray(at, at + 1))
  }
  expect(reader.next()).toMatchObject({ bytes: Buffer.alloc(200_000, 7) })
  expect(reader.isEmpty).toBe(true)
}, 5000)

test('chunks that are read are let go of, although a message is always under way', () => {
  const reader = new MessageReader(1000)
  const bytes = Buffer.concat(Array.from({ length: 20_000 }, () => framed('ten bytes.')))
  let told = 0
  // Never a whole number of messages.
  for (let at = 0; at < bytes.length; at += 16) {
    reader.push(bytes.subarray(at, at + 16))
    while (reader.next() !== undefined) told += 1
  }
  expect(told).toBe(20_000)
})

test.each<[string, Buffer, string]>([
  ['one too long, by its prefix alone', framed(Buffer.alloc(1001)).subarray(0, 5), 'too-large'],
  ['an unknown flag', framed('x', 2), 'bad-flag'],
])('a fault is told: %s', (_what, bytes, fault) => {
  expect(readAll([framed('before'), bytes])).toEqual([Buffer.from('before'), fault])
})
