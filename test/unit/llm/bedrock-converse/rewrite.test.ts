import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../../src/errors.ts'
import { bedrockConverseStream, novaMessages } from '../../../../src/llm/bedrock-converse/index.ts'
import type { Frame } from '../../../../src/llm/format.ts'
import { rawFrame, readBedrockFixture, readWire, wireFrames } from '../../../support/bedrock.ts'

const headers = {
  ':event-type': 'contentBlockDelta',
  ':content-type': 'application/json',
  ':message-type': 'event',
}
const frameWith = (payload: string) => rawFrame(headers, Buffer.from(payload))

function soleFrame(bytes: Uint8Array): Frame {
  const frames = bedrockConverseStream.openStream().push(bytes)
  expect(frames).toHaveLength(1)
  return frames[0]!
}

/** The bytes of the frame with its first text replaced. */
function rewritten(payload: string, text: string): Buffer {
  const frame = soleFrame(frameWith(payload))
  const [part] = frame.parts
  if (part?.kind !== 'text-delta') throw new Error('no text')
  return Buffer.from(bedrockConverseStream.rewriteFrame(frame, [{ path: part.path, text }]).bytes)
}

test('a body: only the strings named change', () => {
  const body = readBedrockFixture('response.json')
  const path = ['output', 'message', 'content', 1, 'text']
  const after = bedrockConverseStream.rewrite(body, [{ path, text: 'new "text"' }])
  expect(Buffer.from(after).toString()).toBe(
    body.toString().replace(String.raw`"Call \u003555-0100."`, String.raw`"new \"text\""`),
  )
})

describe('a frame', () => {
  test.each([
    [
      'text',
      '{ "contentBlockIndex":0, "delta":{"text":"x"}, "p":"ab", "n":1.50 }',
      '{ "contentBlockIndex":0, "delta":{"text":"🥶\\n"}, "p":"ab", "n":1.50 }',
    ],
    [
      'arguments',
      '{"contentBlockIndex":0,"delta":{"toolUse":{"input":"x"}}}',
      '{"contentBlockIndex":0,"delta":{"toolUse":{"input":"🥶\\n"}}}',
    ],
    [
      'arguments as an object become a string',
      '{"contentBlockIndex":0,"delta":{"toolUse":{"input":{"a":["x"]}}}}',
      '{"contentBlockIndex":0,"delta":{"toolUse":{"input":"🥶\\n"}}}',
    ],
  ])('%s', (_, before, after) => {
    expect(rewritten(before, '🥶\n').equals(frameWith(after))).toBe(true)
  })

  test('its parts have the new text, and it is released as the same event', () => {
    const frame = soleFrame(wireFrames('converse-text.jsonl')[1]!)
    const edited = bedrockConverseStream.rewriteFrame(frame, [{ path: ['delta', 'text'], text: 'y' }])
    expect(edited.parts).toEqual(frame.parts.map(part => ({ ...part, text: 'y' })))
    const at = bedrockConverseStream.openPosition()
    at.released(edited)
    const refusal = {
      message: 'no',
      id: '',
      createdSec: 0,
      finishReason: 'auto',
      request: undefined,
    } as const
    expect(
      readWire(bedrockConverseStream.streamRefusal(refusal, at)).map(line => 'event' in line && line.event),
    ).toEqual([
      'messageStart',
      'contentBlockStop',
      'contentBlockDelta',
      'contentBlockStop',
      'messageStop',
      'metadata',
    ])
  })

  test('that was changed on the way', () => {
    const { bytes, parts } = soleFrame(wireFrames('converse-text.jsonl')[1]!)
    const edited = bedrockConverseStream.rewriteFrame({ bytes, parts }, [
      { path: ['delta', 'text'], text: 'y' },
    ])
    expect(readWire(edited.bytes)).toMatchObject([
      { payload: { delta: { text: 'y' }, contentBlockIndex: 0 } },
    ])
  })

  test('without edits is the same frame', () => {
    const frame = soleFrame(wireFrames('converse-text.jsonl')[1]!)
    expect(bedrockConverseStream.rewriteFrame(frame, [])).toBe(frame)
  })

  test.each([
    ['names no text', [{ path: ['p'], text: 'y' }]],
    [
      'names one twice',
      [
        { path: ['delta', 'text'], text: 'y' },
        { path: ['delta', 'text'], text: 'z' },
      ],
    ],
  ])('an edit that %s is a bug', (_, edits) => {
    const frame = soleFrame(wireFrames('converse-text.jsonl')[1]!)
    expect(() => bedrockConverseStream.rewriteFrame(frame, edits)).toThrow(WeirError)
  })
})

test('an event of Nova', () => {
  const json = '{"contentBlockDelta":{"delta":{"text":"x"},"contentBlockIndex":0}}'
  const [frame] = novaMessages.openStream().push(Buffer.from(`data: ${json}\n\n`))
  const path = ['contentBlockDelta', 'delta', 'text']
  const { bytes } = novaMessages.rewriteFrame(frame!, [{ path, text: '"y"' }])
  expect(Buffer.from(bytes).toString()).toBe(`data: ${json.replace('"x"', String.raw`"\"y\""`)}\n\n`)
})
