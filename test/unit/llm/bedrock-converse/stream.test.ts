import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bedrockConverseStream, novaMessages } from '../../../../src/llm/bedrock-converse/index.ts'
import type { Frame, JsonPath, LlmFormat, Part } from '../../../../src/llm/format.ts'
import { rawFrame, wireFrame, wireFrames } from '../../../support/bedrock.ts'

function decode(bytes: Uint8Array, format: LlmFormat = bedrockConverseStream): readonly Frame[] {
  const stream = format.openStream()
  return [...stream.push(bytes), ...stream.end()]
}

const partsOf = (event: string, payload: unknown): readonly Part[] =>
  decode(wireFrame({ event, payload })).flatMap(frame => frame.parts)
const partsOfDelta = (delta: unknown) => partsOf('contentBlockDelta', { contentBlockIndex: 3, delta })

/** The running texts of a stream, keyed `choice/kind/block`, and its other parts in order. */
function gather(frames: readonly Frame[]) {
  const texts: Record<string, string> = {}
  const rest: Part[] = []
  for (const part of frames.flatMap(frame => frame.parts)) {
    if (part.kind === 'text-delta') {
      const key = `${part.choice}/${part.textKind}/${part.block}`
      texts[key] = (texts[key] ?? '') + part.text
    } else rest.push(part)
  }
  return { texts, rest }
}

const stop = (block: number) => ({ kind: 'finish', choice: 0, block })
const terminator = { kind: 'terminator' }
/** `messageStop` and `metadata`: either may be the last. */
const END = [{ kind: 'finish', choice: 0 }, terminator, terminator]
const WHOLE = 2 ** 40

const recorded: readonly [string, Record<string, string>, readonly unknown[]][] = [
  ['converse-text.jsonl', { '0/content/0': 'The river Weiß is cold 🥶.' }, [stop(0), ...END]],
  [
    'converse-tools.jsonl',
    {
      '0/content/0': 'Let me look.',
      '0/tool-call/1': '{"city":"Köln"}',
      '0/tool-call/2': '{"to":"a@example.com"}',
    },
    [stop(0), stop(1), stop(2), ...END],
  ],
  [
    'converse-reasoning.jsonl',
    { '0/reasoning/0': 'The user greets.', '0/content/1': 'Hello!' },
    [stop(0), stop(1), ...END],
  ],
  [
    'converse-citations.jsonl',
    {
      '0/content/0': 'It opened in 1890.',
      [`0/content/${WHOLE}`]: 'bridges',
      [`0/content/${WHOLE + 1}`]: 'The bridge was opened in 1890.',
    },
    [stop(0), ...END],
  ],
  [
    'converse-guardrail.jsonl',
    {
      '0/content/0': 'Sorry, no.',
      [`0/content/${WHOLE}`]: 'Call 555-0100.',
      [`0/content/${WHOLE + 1}`]: '555-0100',
    },
    [stop(0), ...END],
  ],
  ['converse-exception.jsonl', { '0/content/0': 'Hal' }, []],
]

describe('recorded streams', () => {
  test.each(recorded)('%s', (name, texts, rest) => {
    const bytes = Buffer.concat(wireFrames(name))
    const frames = decode(bytes)
    expect(gather(frames)).toEqual({ texts, rest })
    expect(frames.map(frame => Buffer.from(frame.bytes))).toEqual(wireFrames(name))
  })

  test.each(recorded)('%s, byte by byte', name => {
    const bytes = Buffer.concat(wireFrames(name))
    const stream = bedrockConverseStream.openStream()
    const frames = [...bytes].flatMap(byte => stream.push(Uint8Array.of(byte)))
    expect(stream.buffered).toBe(0)
    expect(frames.map(({ parts }) => parts)).toEqual(decode(bytes).map(({ parts }) => parts))
    expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
  })

  test('every recorded stream is tested', () => {
    const names = readdirSync(new URL('../../../fixtures/bedrock/', import.meta.url))
    expect(names.filter(name => name.startsWith('converse-'))).toHaveLength(recorded.length)
  })
})

describe('parts of a delta', () => {
  const text = (textKind: string, value: string, block: number, ...place: JsonPath) => ({
    kind: 'text-delta',
    choice: 0,
    textKind,
    block,
    text: value,
    syntax: textKind === 'tool-call' ? 'json' : undefined,
    path: ['delta', ...place],
  })
  const uninspectable = { kind: 'uninspectable' }

  test.each([
    ['text', { text: 'x' }, [text('content', 'x', 3, 'text')]],
    ['an empty text', { text: '' }, []],
    ['a text that is a number', { text: 7 }, [uninspectable]],
    ['arguments', { toolUse: { input: '{"a' } }, [text('tool-call', '{"a', 3, 'toolUse', 'input')]],
    ['empty arguments', { toolUse: { input: '' } }, [text('tool-call', '', 3, 'toolUse', 'input')]],
    [
      'arguments as an object',
      { toolUse: { input: { a: 'x' } } },
      [text('tool-call', '{"a":"x"}', 3, 'toolUse', 'input')],
    ],
    ['arguments that are a number', { toolUse: { input: 7 } }, [uninspectable]],
    ['a call that is a string', { toolUse: 'x' }, [uninspectable]],
    [
      'reasoning',
      { reasoningContent: { text: 'x' } },
      [text('reasoning', 'x', 3, 'reasoningContent', 'text')],
    ],
    ['a signature', { reasoningContent: { signature: 'x' } }, []],
    ['encrypted reasoning', { reasoningContent: { redactedContent: 'eA==' } }, [uninspectable]],
    [
      'a tool result',
      { toolResult: [{ text: 'x' }, { text: 'y' }, { json: { a: ['z'] } }, {}, 7] },
      [
        text('tool-result', 'x', 3, 'toolResult', 0, 'text'),
        text('tool-result', 'y', 3 + 65_536, 'toolResult', 1, 'text'),
        text('tool-result', 'z', WHOLE, 'toolResult', 2, 'json', 'a', 0),
        uninspectable,
        uninspectable,
      ],
    ],
    [
      'a citation',
      { citation: { title: 't', source: 's', location: { web: { url: 'u' } } } },
      [
        text('content', 't', WHOLE, 'citation', 'title'),
        text('content', 's', WHOLE + 1, 'citation', 'source'),
        text('content', 'u', WHOLE + 2, 'citation', 'location', 'web', 'url'),
      ],
    ],
    ['an image', { image: { source: { bytes: 'AA==' } } }, [uninspectable]],
    [
      'an unknown delta',
      { poem: { text: 'x' } },
      [uninspectable, text('content', 'x', WHOLE, 'poem', 'text')],
    ],
    [
      'two members in one delta',
      { text: 'x', toolUse: { input: 'y' } },
      [text('content', 'x', 3, 'text'), text('tool-call', 'y', 3, 'toolUse', 'input')],
    ],
  ])('%s', (_, delta, parts) => {
    expect(partsOfDelta(delta)).toEqual(parts)
  })

  test('citations of several deltas do not run into each other', () => {
    const frame = wireFrame({
      event: 'contentBlockDelta',
      payload: { contentBlockIndex: 0, delta: { citation: { title: 't' } } },
    })
    const blocks = decode(Buffer.concat([frame, frame])).flatMap(({ parts }) => parts)
    expect(blocks).toMatchObject([{ block: WHOLE }, { block: WHOLE + 1 }])
  })
})

describe('parts of an event', () => {
  const opened = {
    kind: 'text-delta',
    choice: 0,
    textKind: 'tool-call',
    block: 1,
    text: '',
    syntax: 'json',
    path: ['start', 'toolUse', 'input'],
  }
  test.each([
    ['messageStart', { role: 'assistant' }, []],
    ['contentBlockStart', { contentBlockIndex: 1, start: { toolUse: { name: 'f' } } }, [opened]],
    ['contentBlockStart', { contentBlockIndex: 1, start: { toolResult: {}, image: {} } }, []],
    ['contentBlockStart', { contentBlockIndex: 1, start: { poem: {} } }, [{ kind: 'uninspectable' }]],
    ['contentBlockStart', { contentBlockIndex: 1 }, []],
    ['contentBlockStop', { contentBlockIndex: 1 }, [stop(1)]],
    ['messageStop', { stopReason: 'end_turn' }, END.slice(0, 2)],
    ['metadata', { usage: {} }, [terminator]],
    ['initial-response', {}, []],
    ['contentBlockPoem', { text: 'x' }, [{ kind: 'uninspectable' }]],
  ])('%s %j', (event, payload, parts) => {
    expect(partsOf(event, payload)).toEqual(parts)
  })

  test('fields of the model beside the reason', () => {
    const parts = partsOf('messageStop', { stopReason: 'x', additionalModelResponseFields: { a: ['y'] } })
    expect(parts).toMatchObject([
      { text: 'y', block: WHOLE, path: ['additionalModelResponseFields', 'a', 0] },
      { kind: 'finish' },
      terminator,
    ])
  })

  const headers = (messageType: string) => ({ ':message-type': messageType, ':error-code': 'x' })
  test.each([
    ['an error of the upstream', rawFrame(headers('error'), Buffer.alloc(0)), []],
    ['an exception', rawFrame(headers('exception'), Buffer.from('no JSON')), []],
  ])('%s', (_, bytes, parts) => {
    expect(decode(bytes).flatMap(frame => frame.parts)).toEqual(parts)
  })

  const event = (payload: string | Buffer) =>
    rawFrame({ ':message-type': 'event', ':event-type': 'contentBlockDelta' }, Buffer.from(payload))
  test.each([
    ['no message type', rawFrame({ ':event-type': 'messageStop' }, Buffer.from('{}')), 'wrong-shape'],
    ['no event type', rawFrame({ ':message-type': 'event' }, Buffer.from('{}')), 'wrong-shape'],
    ['an unknown message type', rawFrame(headers('x'), Buffer.from('{}')), 'wrong-shape'],
    ['no JSON', event('x'), 'not-json'],
    ['no UTF-8', event(Buffer.of(0x22, 0xff, 0x22)), 'not-utf8'],
    ['a list', event('[]'), 'wrong-shape'],
    ['no index', event('{"delta":{"text":"x"}}'), 'wrong-shape'],
    ['an index that is no number', event('{"contentBlockIndex":"0"}'), 'wrong-shape'],
    ['an index out of range', event('{"contentBlockIndex":65536}'), 'wrong-shape'],
    ['a delta that is a string', event('{"contentBlockIndex":0,"delta":"x"}'), 'wrong-shape'],
    ['too deep', event(`{"a":${'['.repeat(300)}${']'.repeat(300)}}`), 'wrong-shape'],
    ['a JSON body', Buffer.from('{"output":{}}'), 'not-event-stream'],
    ['SSE', Buffer.from('data: {}\n\n'), 'not-event-stream'],
    ['a cut frame', event('{}').subarray(0, -3), 'not-event-stream'],
  ])('undecodable: %s', (_, bytes, reason) => {
    expect(decode(bytes)[0]?.parts).toEqual([{ kind: 'undecodable', reason }])
  })
})

describe('Nova, one SSE event an event', () => {
  const partsIn = (data: string) =>
    decode(Buffer.from(`data: ${data}\n\n`), novaMessages).flatMap(f => f.parts)

  test.each([
    [
      '{"contentBlockDelta":{"contentBlockIndex":2,"delta":{"text":"x"}}}',
      [{ kind: 'text-delta', text: 'x', block: 2, path: ['contentBlockDelta', 'delta', 'text'] }],
    ],
    ['{"metadata":{},"amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}', [terminator]],
    [
      '{"messageStart":{"role":"assistant"},"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"x"}}}',
      [{ kind: 'text-delta', text: 'x' }],
    ],
    ['{"poem":{}}', [{ kind: 'uninspectable' }]],
    ['{"messageStop":"x"}', [{ kind: 'undecodable', reason: 'wrong-shape' }]],
    ['[]', [{ kind: 'undecodable', reason: 'wrong-shape' }]],
    ['x', [{ kind: 'undecodable', reason: 'not-json' }]],
    ['', []],
  ])('%s', (data, parts) => {
    expect(partsIn(data)).toMatchObject(parts)
    expect(partsIn(data)).toHaveLength(parts.length)
  })

  test('what is no event stream', () => {
    expect(decode(Buffer.from('{}'), novaMessages)[0]?.parts).toEqual([
      { kind: 'undecodable', reason: 'not-event-stream' },
    ])
  })
})
