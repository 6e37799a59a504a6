import { describe, expect, test } from 'vitest'
import {
  bedrockConverse,
  bedrockConverseStream,
  novaMessages,
} from '../../../../src/llm/bedrock-converse/index.ts'
import { readWire, type WireLine, wireFrame, wireFrames } from '../../../support/bedrock.ts'
import { MESSAGE, refusalOf } from '../refused.ts'

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const USAGE = { usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 }, metrics: { latencyMs: 0 } }

const start: WireLine = { event: 'messageStart', payload: { role: 'assistant' } }
const closed = (contentBlockIndex: number): WireLine => ({
  event: 'contentBlockStop',
  payload: { contentBlockIndex },
})
/** The refusal in its own block, and the end. */
const refused = (contentBlockIndex: number, said = MESSAGE, stopReason = 'guardrail_intervened') => [
  { event: 'contentBlockDelta', payload: { contentBlockIndex, delta: { text: said } } },
  closed(contentBlockIndex),
  { event: 'messageStop', payload: { stopReason } },
  { event: 'metadata', payload: USAGE },
]

function positionAfter(name: string, count: number) {
  const at = bedrockConverseStream.openPosition()
  const frames = bedrockConverseStream.openStream().push(Buffer.concat(wireFrames(name).slice(0, count)))
  for (const frame of frames) at.released(frame)
  return at
}

describe('JSON', () => {
  test('the whole answer', () => {
    const { body, ...reply } = bedrockConverse.refusal(refusalOf(), 'json')
    expect(reply).toEqual({
      contentType: 'application/json',
      headers: { 'x-amzn-requestid': '01234567-89ab-cdef-0123-456789abcdef' },
    })
    expect(JSON.parse(text(body))).toEqual({
      output: { message: { role: 'assistant', content: [{ text: MESSAGE }] } },
      stopReason: 'guardrail_intervened',
      ...USAGE,
    })
  })

  test.each([
    ['auto', 'guardrail_intervened', 'content_filtered'],
    ['content_filter', 'guardrail_intervened', 'content_filtered'],
    ['stop', 'end_turn', 'end_turn'],
  ] as const)('finish_reason %s', (finishReason, converse, nova) => {
    const reasonOf = (body: Uint8Array) => JSON.parse(text(body)).stopReason
    expect(reasonOf(bedrockConverse.refusal(refusalOf({ finishReason }), 'json').body)).toBe(converse)
    expect(reasonOf(novaMessages.refusal(refusalOf({ finishReason }), 'json').body)).toBe(nova)
  })
})

describe('event stream', () => {
  test('nothing sent yet: the whole sequence', () => {
    const { contentType, body } = bedrockConverseStream.refusal(refusalOf(), 'event-stream')
    expect(contentType).toBe('application/vnd.amazon.eventstream')
    expect(readWire(body)).toEqual([start, ...refused(0)])
  })

  test('with the headers that the API gives its frames', () => {
    const { body } = bedrockConverseStream.refusal(refusalOf(), 'event-stream')
    const [first] = wireFrames('converse-text.jsonl')
    expect(Buffer.from(body).subarray(12, 12 + first!.readUInt32BE(4))).toEqual(
      first!.subarray(12, 12 + first!.readUInt32BE(4)),
    )
  })

  test('its finish reason', () => {
    const { body } = bedrockConverseStream.refusal(refusalOf({ finishReason: 'stop' }), 'event-stream')
    expect(readWire(body).slice(1)).toEqual(refused(0, MESSAGE, 'end_turn'))
  })

  test.each([
    ['nothing released', 'converse-text.jsonl', 0, [start, ...refused(0)]],
    ['the message has begun', 'converse-text.jsonl', 1, refused(0)],
    ['text is out', 'converse-text.jsonl', 2, [closed(0), ...refused(1, `\n\n${MESSAGE}`)]],
    ['a block is at its end', 'converse-text.jsonl', 4, refused(1, `\n\n${MESSAGE}`)],
    ['the message is at its end', 'converse-text.jsonl', 5, []],
    ['the stream is at its end', 'converse-text.jsonl', 6, []],
    ['a tool call is open', 'converse-tools.jsonl', 5, [closed(1), ...refused(2, `\n\n${MESSAGE}`)]],
    ['a second one is open', 'converse-tools.jsonl', 8, [closed(2), ...refused(3, `\n\n${MESSAGE}`)]],
    ['reasoning is out', 'converse-reasoning.jsonl', 3, [closed(0), ...refused(1)]],
  ])('%s', (_, name, count, expected) => {
    expect(readWire(bedrockConverseStream.streamRefusal(refusalOf(), positionAfter(name, count)))).toEqual(
      expected,
    )
  })

  const restAfter = (...sent: readonly WireLine[]) => {
    const at = bedrockConverseStream.openPosition()
    const frames = bedrockConverseStream.openStream().push(Buffer.concat(sent.map(wireFrame)))
    for (const frame of frames) at.released(frame)
    return readWire(bedrockConverseStream.streamRefusal(refusalOf(), at))
  }
  const opened = (contentBlockIndex: number): WireLine => ({
    event: 'contentBlockDelta',
    payload: { contentBlockIndex, delta: {} },
  })

  test('blocks that are open side by side are all closed', () => {
    expect(restAfter(opened(4), opened(1))).toEqual([start, closed(4), closed(1), ...refused(5)])
  })

  test('a block of which only the end came is not opened again', () => {
    expect(restAfter(start, closed(3))).toEqual(refused(4))
  })

  test('a frame that was changed on the way is read again', () => {
    const at = bedrockConverseStream.openPosition()
    const frames = bedrockConverseStream.openStream().push(Buffer.concat(wireFrames('converse-text.jsonl')))
    for (const { bytes, parts } of frames.slice(0, 2)) at.released({ bytes, parts })
    expect(bedrockConverseStream.streamRefusal(refusalOf(), at)).toEqual(
      bedrockConverseStream.streamRefusal(refusalOf(), positionAfter('converse-text.jsonl', 2)),
    )
  })

  test('a position of another format is a bug', () => {
    expect(() => bedrockConverseStream.streamRefusal(refusalOf(), { released: () => {} })).toThrow(
      'another format',
    )
  })

  test('no frame says nothing', () => {
    expect(bedrockConverseStream.heartbeat).toBeUndefined()
  })
})

test('Nova: the same events, one SSE event each', () => {
  const events = (body: Uint8Array) =>
    text(body)
      .split('\n\n')
      .slice(0, -1)
      .map(event => JSON.parse(event.slice('data: '.length)))
      .map(event => Object.entries(event).map(([name, payload]) => ({ event: name, payload }))[0])
  const whole = novaMessages.refusal(refusalOf(), 'event-stream').body
  expect(events(whole)).toEqual([start, ...refused(0, MESSAGE, 'content_filtered')])

  const at = novaMessages.openPosition()
  const delta = { contentBlockDelta: { contentBlockIndex: 0, delta: { text: 'x' } } }
  for (const { bytes, parts } of novaMessages
    .openStream()
    .push(Buffer.from(`data: {"messageStart":{}}\n\ndata: ${JSON.stringify(delta)}\n\n`))) {
    at.released({ bytes, parts })
  }
  expect(events(novaMessages.streamRefusal(refusalOf(), at))).toEqual([
    closed(0),
    ...refused(1, `\n\n${MESSAGE}`, 'content_filtered'),
  ])
})

describe('errors', () => {
  test.each([
    [400, 'ValidationException'],
    [403, 'AccessDeniedException'],
    [413, 'ValidationException'],
    [429, 'ThrottlingException'],
    [500, 'InternalServerException'],
    [502, 'InternalServerException'],
    [503, 'ServiceUnavailableException'],
  ])('%i', (status, type) => {
    const error = { status, message: 'No "way"', code: 'content_filter' } as const
    const reply = bedrockConverse.error(error, { id: refusalOf().id, request: undefined })
    expect(reply.contentType).toBe('application/json')
    expect(reply.headers).toEqual({
      'x-amzn-errortype': type,
      'x-amzn-requestid': '01234567-89ab-cdef-0123-456789abcdef',
    })
    expect(JSON.parse(text(reply.body))).toEqual({ message: 'No "way"' })
  })
})
