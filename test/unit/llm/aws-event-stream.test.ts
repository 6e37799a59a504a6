import { EventStreamCodec } from '@smithy/eventstream-codec'
import { describe, expect, test } from 'vitest'
import {
  type AwsFrame,
  encodeAwsFrame,
  openAwsEventStream,
  readAwsFrame,
  startsAwsEventStream,
  withPayload,
} from '../../../src/llm/aws-event-stream.ts'
import { rawFrame } from '../../support/bedrock.ts'

const codec = new EventStreamCodec(
  bytes => Buffer.from(bytes).toString('utf8'),
  text => Buffer.from(text, 'utf8'),
)
const HEADERS = { ':event-type': 'messageStop', ':message-type': 'event', größe: '🥶' }
const PAYLOAD = Buffer.from('{"stopReason":"end_turn"}')
const frame = rawFrame(HEADERS, PAYLOAD)
const small = rawFrame({}, Buffer.from('{}'))
/** The empty message of AWS's own test vectors. */
const empty = Buffer.from('0000001000000000 05c248eb 7d98c8ff'.replaceAll(' ', ''), 'hex')

function cut(bytes: Uint8Array, size = bytes.length): readonly AwsFrame[] {
  const framer = openAwsEventStream()
  const frames: AwsFrame[] = []
  const plain = Uint8Array.from(bytes)
  for (let at = 0; at < plain.length; at += size) frames.push(...framer.push(plain.slice(at, at + size)))
  return [...frames, ...framer.end()]
}

const sizes = (frames: readonly AwsFrame[]) => frames.map(({ kind, bytes }) => [kind, bytes.length])
/** With the CRCs made right again, so that only the length can be what is wrong. */
function withLengths(total: number, headers: number): Buffer {
  const forged = Buffer.from(frame)
  forged.writeUInt32BE(total, 0)
  forged.writeUInt32BE(headers, 4)
  return withCrcs(forged)
}
function withCrcs(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crcOf(bytes.subarray(0, 8)), 8)
  bytes.writeUInt32BE(crcOf(bytes.subarray(0, -4)), bytes.length - 4)
  return bytes
}
/** Bit by bit, as the standard has it. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
function flipped(at: number): Buffer {
  const bytes = Buffer.from(frame)
  bytes[at]! ^= 1
  return bytes
}

describe('frames', () => {
  test('as the codec of AWS writes them', () => {
    const [read] = cut(frame)
    if (read?.kind !== 'message') throw new Error('not a message')
    expect(Object.fromEntries(read.headers)).toEqual(HEADERS)
    expect(Buffer.from(read.payload).equals(PAYLOAD)).toBe(true)
    expect(Buffer.from(read.bytes).equals(frame)).toBe(true)
  })

  test('the empty message', () => {
    expect(cut(empty)).toEqual([
      { kind: 'message', bytes: new Uint8Array(empty), headers: new Map(), payload: new Uint8Array(0) },
    ])
  })

  test.each([1, 2, 3, 7, 11, 12, 13, 16, 17, 64])('in chunks of %i bytes', size => {
    const bytes = Buffer.concat([frame, empty, small, frame])
    const frames = cut(bytes, size)
    expect(sizes(frames)).toEqual([frame, empty, small, frame].map(({ length }) => ['message', length]))
    expect(Buffer.concat(frames.map(one => one.bytes)).equals(bytes)).toBe(true)
  })

  test('headers of every type', () => {
    const headers = {
      text: { type: 'string', value: 'x' },
      yes: { type: 'boolean', value: true },
      no: { type: 'boolean', value: false },
      byte: { type: 'byte', value: 1 },
      short: { type: 'short', value: 2 },
      integer: { type: 'integer', value: 3 },
      binary: { type: 'binary', value: Uint8Array.of(1, 2, 3) },
      time: { type: 'timestamp', value: new Date(0) },
      uuid: { type: 'uuid', value: '01234567-89ab-cdef-0123-456789abcdef' },
      last: { type: 'string', value: 'y' },
    } as const
    const read = readAwsFrame(codec.encode({ headers, body: PAYLOAD }))
    expect(read.kind === 'message' && Object.fromEntries(read.headers)).toEqual({ text: 'x', last: 'y' })
  })

  test('buffered counts what is held of a frame', () => {
    const framer = openAwsEventStream()
    expect(framer.push(frame.subarray(0, 5))).toEqual([])
    expect(framer.buffered).toBe(5)
    framer.push(frame.subarray(5, 20))
    expect(framer.buffered).toBe(20)
    expect(framer.push(Buffer.concat([frame.subarray(20), frame.subarray(0, 3)]))).toHaveLength(1)
    expect(framer.buffered).toBe(3)
  })

  test('a length that is announced takes no memory before it comes', () => {
    const framer = openAwsEventStream()
    framer.push(withLengths(24 * 1024 * 1024, 0).subarray(0, 12))
    expect(framer.buffered).toBe(12)
  })
})

describe('undecodable', () => {
  test.each([
    ['the prelude does not fit its CRC', flipped(0), [12, frame.length - 12]],
    ['the CRC of the prelude is wrong', flipped(9), [12, frame.length - 12]],
    ['shorter than a frame can be', withLengths(15, 0), [12, frame.length - 12]],
    ['longer than a frame may be', withLengths(24 * 1024 * 1024 + 1, 0), [12, frame.length - 12]],
    ['headers past its end', withLengths(frame.length, frame.length - 15), [12, frame.length - 12]],
    ['headers larger than they may be', withLengths(2 ** 20, 128 * 1024 + 1), [12, frame.length - 12]],
    ['a JSON body', Buffer.from('{"message":"x"}'), [12, 3]],
    ['a header is changed', flipped(20), [frame.length]],
    ['the payload is changed', flipped(frame.length - 6), [frame.length]],
    ['the CRC of the message is wrong', flipped(frame.length - 1), [frame.length]],
    ['cut', frame.subarray(0, -1), [frame.length - 1]],
    ['cut in its prelude', frame.subarray(0, 7), [7]],
  ])('%s', (_, bytes, lengths) => {
    for (const size of [bytes.length, 1, 5]) {
      const frames = cut(bytes, size)
      expect(sizes(frames)).toEqual(lengths.map(length => ['undecodable', length]))
      expect(Buffer.concat(frames.map(one => one.bytes)).equals(bytes)).toBe(true)
    }
  })

  test('is told at once where the length cannot be believed', () => {
    const framer = openAwsEventStream()
    expect(sizes(framer.push(flipped(0)))).toEqual([['undecodable', 12]])
    expect(framer.push(frame)).toEqual([])
    expect(framer.buffered).toBe(2 * frame.length - 12)
  })

  test('after a frame whose content is wrong the next one is read', () => {
    const frames = cut(Buffer.concat([flipped(frame.length - 6), frame]), 9)
    expect(frames.map(({ kind }) => kind)).toEqual(['undecodable', 'message'])
  })

  test.each([
    ['a name twice', Buffer.concat([header('a', 'x'), header('a', 'y')])],
    ['an unknown type', Buffer.from([1, 0x61, 10])],
    ['a value past the end', Buffer.from([1, 0x61, 7, 0, 9, 0x78])],
    ['a name past the end', Buffer.from([9, 0x61])],
    ['a name that is not UTF-8', Buffer.from([1, 0xff, 0])],
    ['a value that is not UTF-8', Buffer.from([1, 0x61, 7, 0, 1, 0xff])],
  ])('headers: %s', (_, headers) => {
    const bytes = Buffer.concat([Buffer.alloc(12), headers, Buffer.alloc(4)])
    bytes.writeUInt32BE(bytes.length, 0)
    bytes.writeUInt32BE(headers.length, 4)
    expect(sizes(cut(withCrcs(bytes)))).toEqual([['undecodable', bytes.length]])
  })
})

function header(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([name.length, ...Buffer.from(name), 7, 0, value.length]),
    Buffer.from(value),
  ])
}

describe('frames of our own', () => {
  test('are read by the codec of AWS', () => {
    const { headers, body } = codec.decode(encodeAwsFrame(HEADERS, PAYLOAD))
    expect(Object.entries(headers).map(([name, { value }]) => [name, value])).toEqual(Object.entries(HEADERS))
    expect(Buffer.from(body).equals(PAYLOAD)).toBe(true)
  })

  test('are the bytes that it writes', () => {
    expect(Buffer.from(encodeAwsFrame(HEADERS, PAYLOAD)).equals(frame)).toBe(true)
  })

  test('get another payload and keep their headers', () => {
    const payload = Buffer.from('{"stopReason":"guardrail_intervened"}')
    expect(Buffer.from(withPayload(frame, payload)).equals(rawFrame(HEADERS, payload))).toBe(true)
  })

  test('a header that no frame can hold is a bug', () => {
    expect(() => encodeAwsFrame({ a: 'x'.repeat(0x8000) }, PAYLOAD)).toThrow('too long')
    expect(() => encodeAwsFrame({ ['x'.repeat(256)]: '' }, PAYLOAD)).toThrow('too long')
  })
})

test.each([
  ['nothing', [], 'more'],
  ['the beginning of a prelude', frame.subarray(0, 11), 'more'],
  ['a frame', frame, 'yes'],
  ['JSON', Buffer.from('{'), 'no'],
  ['zeros', Buffer.alloc(20), 'no'],
] as const)('whether a body begins as an event stream: %s', (_, bytes, answer) => {
  expect(startsAwsEventStream(Uint8Array.from(bytes))).toBe(answer)
})
