import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type EventFrame, openEventStream } from '../../src/llm/event-stream.ts'

const encoder = new TextEncoder()

/** Streams dense in what framing turns on: line ends of every kind, fields, characters of several bytes. */
const streamText = fc
  .array(
    fc.constantFrom(
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      'data:',
      'data: ',
      'data',
      'event: e',
      ':',
      'x',
      ' ',
      'é',
      '😀',
      '\uFEFF',
      '{',
    ),
    { maxLength: 60 },
  )
  .map(pieces => pieces.join(''))

const streamBytes = fc.oneof(
  streamText.map(text => encoder.encode(text)),
  fc
    .array(fc.constantFrom(0x0a, 0x0d, 0x3a, 0x64, 0xc3, 0xff), { maxLength: 40 })
    .map(bytes => Uint8Array.from(bytes)),
)

const cuts = fc.array(fc.nat({ max: 200 }), { maxLength: 30 })

function split(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const borders = [...at.map(cut => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b)
  return borders.map((border, index) => bytes.slice(borders[index - 1] ?? 0, border))
}

function frame(chunks: readonly Uint8Array[]): readonly EventFrame[] {
  const framer = openEventStream()
  return [...chunks.flatMap(chunk => framer.push(chunk)), ...framer.end()]
}

/** The standard's algorithm, line by line over the whole text: the data of every event that has any. */
function eventData(text: string): readonly string[] {
  const found: string[] = []
  let data: string[] = []
  for (const line of [...text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/), '']) {
    if (line === '') {
      if (data.length > 0) found.push(data.join('\n'))
      data = []
    } else if (line === 'data') data.push('')
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
  }
  return found
}

describe('framing an event stream', () => {
  test('loses, adds and changes no byte', () => {
    fc.assert(
      fc.property(streamBytes, cuts, (bytes, at) => {
        const frames = frame(split(bytes, at))
        expect(Buffer.concat(frames.map(({ bytes }) => bytes)).equals(bytes)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  test('is the same however the bytes are cut', () => {
    fc.assert(
      fc.property(streamBytes, cuts, (bytes, at) => {
        expect(frame(split(bytes, at))).toEqual(frame([bytes]))
        expect(frame(Array.from(bytes, byte => Uint8Array.of(byte)))).toEqual(frame([bytes]))
      }),
      { numRuns: 1000 },
    )
  })

  test('finds the events that the standard finds', () => {
    fc.assert(
      fc.property(streamText, text => {
        const frames = frame([encoder.encode(text)])
        fc.pre(frames.every(({ kind }) => kind === 'event'))
        const data = frames.flatMap(each =>
          each.kind === 'event' && each.data !== undefined ? [each.data] : [],
        )
        expect(data).toEqual(eventData(text))
      }),
      { numRuns: 1000 },
    )
  })

  test('holds exactly what no frame has taken yet', () => {
    fc.assert(
      fc.property(streamBytes, cuts, (bytes, at) => {
        const framer = openEventStream()
        let outstanding = 0
        for (const chunk of split(bytes, at)) {
          const framed = framer.push(chunk).reduce((sum, each) => sum + each.bytes.length, 0)
          outstanding += chunk.length - framed
          expect(framer.buffered).toBe(outstanding)
        }
      }),
      { numRuns: 300 },
    )
  })
})
