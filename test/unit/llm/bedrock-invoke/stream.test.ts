import { describe, expect, test } from 'vitest'
import { novaMessages } from '../../../../src/llm/bedrock-converse/index.ts'
import {
  bedrockInvokeStream,
  llamaText,
  mistralText,
  titanText,
} from '../../../../src/llm/bedrock-invoke/index.ts'
import type { Frame, LlmFormat, Part, StreamDecoder } from '../../../../src/llm/format.ts'
import { openaiChat } from '../../../../src/llm/openai-chat/index.ts'
import { rawFrame, wireFrame, wireFrames } from '../../../support/bedrock.ts'

function decode(provider: LlmFormat, bytes: Uint8Array): readonly Frame[] {
  const stream = bedrockInvokeStream(provider).openStream()
  return [...stream.push(bytes), ...stream.end()]
}

const partsOf = (bytes: Uint8Array, provider: LlmFormat = llamaText) =>
  decode(provider, bytes).flatMap(frame => frame.parts)

function texts(frames: readonly Frame[]) {
  const found: Record<string, string> = {}
  for (const part of frames.flatMap(frame => frame.parts)) {
    if (part.kind !== 'text-delta') continue
    const key = `${part.choice}/${part.textKind}/${part.block}`
    found[key] = (found[key] ?? '') + part.text
  }
  return found
}

/** A provider's decoder that keeps the events it gets. */
function spying(provider: LlmFormat): { readonly format: LlmFormat; readonly events: string[] } {
  const events: string[] = []
  const openStream = (): StreamDecoder => {
    const inner = provider.openStream()
    return {
      push: chunk => {
        events.push(Buffer.from(chunk).toString())
        return inner.push(chunk)
      },
      end: () => inner.end(),
      buffered: 0,
      repeats: true,
    }
  }
  return { format: { ...provider, openStream }, events }
}

describe('recorded streams', () => {
  const said = { '0/content/0': 'The river Weiß is cold 🥶.' }
  test.each([
    ['invoke-titan.jsonl', titanText, said],
    ['invoke-llama.jsonl', llamaText, said],
    ['invoke-mistral.jsonl', mistralText, said],
    ['invoke-nova.jsonl', novaMessages, { ...said, '0/tool-call/1': '{"city":"Köln"}' }],
  ])('%s', (name, provider, expected) => {
    const bytes = Buffer.concat(wireFrames(name))
    const frames = decode(provider, bytes)
    expect(texts(frames)).toEqual(expected)
    expect(frames.map(frame => Buffer.from(frame.bytes))).toEqual(wireFrames(name))
    expect(frames.at(-1)?.parts).toContainEqual({ kind: 'terminator' })

    const stream = bedrockInvokeStream(provider).openStream()
    const single = [...bytes].flatMap(byte => stream.push(Uint8Array.of(byte)))
    expect(single.map(({ parts }) => parts)).toEqual(frames.map(({ parts }) => parts))
  })
})

describe("what the provider's reader gets", () => {
  test('one SSE event a chunk, named by its type', () => {
    const { format, events } = spying(titanText)
    decode(format, Buffer.concat(wireFrames('invoke-anthropic.jsonl').slice(0, 2)))
    expect(events).toHaveLength(2)
    expect(events[1]).toBe(
      'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
    )
  })

  const chunkOf = (json: string) =>
    rawFrame(
      { ':event-type': 'chunk', ':message-type': 'event' },
      Buffer.from(JSON.stringify({ bytes: Buffer.from(json).toString('base64') })),
    )

  test.each([
    ['no type', '{"generation":"x"}', 'data: {"generation":"x"}\n\n'],
    ['a type that is no name', '{"type":7}', 'data: {"type":7}\n\n'],
    ['a type with a line end', String.raw`{"type":"a\nb"}`, 'data: {"type":"a\\nb"}\n\n'],
    ['line ends', '{\r\n"generation":\r"x"\n}', 'data: {\ndata: "generation":\ndata: "x"\ndata: }\n\n'],
    ['a byte order mark', '\uFEFF{}', 'data: {}\n\n'],
  ])('%s', (_, json, event) => {
    const { format, events } = spying(llamaText)
    decode(format, chunkOf(json))
    expect(events).toEqual([event])
  })

  test('JSON over several lines is read like any other', () => {
    expect(partsOf(chunkOf('{\r\n"generation":\r"x"\n}'))).toMatchObject([{ kind: 'text-delta', text: 'x' }])
  })

  test('a provider that repeats its texts does so here', () => {
    expect(bedrockInvokeStream(spying(llamaText).format).openStream().repeats).toBe(true)
    expect(bedrockInvokeStream(llamaText).openStream().repeats).toBeUndefined()
  })
})

describe('frames', () => {
  const event = (type: string, payload: string) =>
    rawFrame({ ':event-type': type, ':message-type': 'event' }, Buffer.from(payload))
  const chunk = (bytes: unknown) => event('chunk', JSON.stringify({ bytes }))
  const encoded = (json: string | Buffer) => Buffer.from(json).toString('base64')
  const undecodable = (reason: string): readonly Part[] =>
    [{ kind: 'undecodable', reason }] as unknown as readonly Part[]

  test.each([
    ['an exception', wireFrame({ exception: 'modelTimeoutException', payload: { message: 'x' } }), []],
    ['an initial response', event('initial-response', '{}'), []],
    ['an event that is not known', event('poem', '{}'), [{ kind: 'uninspectable' }]],
    ['no event', rawFrame({}, Buffer.from('{}')), undecodable('wrong-shape')],
    ['a payload that is no JSON', event('chunk', 'x'), undecodable('wrong-shape')],
    ['a payload without bytes', event('chunk', '{}'), undecodable('wrong-shape')],
    ['bytes that are no string', chunk(7), undecodable('wrong-shape')],
    ['bytes that are no base64', chunk('e30'), undecodable('wrong-shape')],
    ['base64 of URLs', chunk('e3-_'), undecodable('wrong-shape')],
    ['base64 with a line end', chunk('e30=\n'), undecodable('wrong-shape')],
    ['no JSON', chunk(encoded('x')), undecodable('not-json')],
    ['empty', chunk(''), undecodable('not-json')],
    ['no UTF-8', chunk(encoded(Buffer.of(0x22, 0xff, 0x22))), undecodable('not-utf8')],
    ["another provider's JSON", chunk(encoded('{"outputText":"x"}')), undecodable('wrong-shape')],
    ['SSE', Buffer.from('data: {"generation":"x"}\n\n'), undecodable('not-event-stream')],
  ])('%s', (_, bytes, parts) => {
    expect(decode(llamaText, bytes)[0]?.parts).toEqual(parts)
  })

  test('buffered', () => {
    const stream = bedrockInvokeStream(llamaText).openStream()
    stream.push(chunk(encoded('{"generation":"x"}')).subarray(0, 30))
    expect(stream.buffered).toBe(30)
  })
})

describe('rewriting', () => {
  const format = bedrockInvokeStream(titanText)
  const [first] = wireFrames('invoke-titan.jsonl')

  test.each(['kept', 'changed on the way'])('a frame that was %s: only its text changes', how => {
    const [read] = format.openStream().push(first!)
    const frame = how === 'kept' ? read! : { bytes: read!.bytes, parts: read!.parts }
    const edited = format.rewriteFrame(frame, [{ path: ['outputText'], text: '"🥶"' }])
    const expected = wireFrame({
      chunk: {
        outputText: '"🥶"',
        index: 0,
        totalOutputTextTokenCount: null,
        completionReason: null,
        inputTextTokenCount: 4,
      },
    })
    expect(Buffer.from(edited.bytes).equals(expected)).toBe(true)
    expect(edited.parts).toMatchObject([{ kind: 'text-delta', text: '"🥶"' }])
    expect(format.rewriteFrame(edited, [])).toBe(edited)
  })

  test('a long text', () => {
    const text = 'ä🥶'.repeat(20_000)
    const [read] = format.openStream().push(first!)
    const edited = format.rewriteFrame(read!, [{ path: ['outputText'], text }])
    expect(texts(decode(titanText, edited.bytes))).toEqual({ '0/content/0': text })
  })

  test.each([
    ['names no text', [{ path: ['completionReason'], text: 'y' }]],
    [
      'names one twice',
      [
        { path: ['outputText'], text: 'y' },
        { path: ['outputText'], text: 'z' },
      ],
    ],
  ])('an edit that %s is a bug', (_, edits) => {
    const [read] = format.openStream().push(first!)
    expect(() => format.rewriteFrame(read!, edits)).toThrow('names no text')
  })

  test("an edit of a frame without a provider's event is a bug", () => {
    const [read] = format.openStream().push(wireFrame({ exception: 'x', payload: {} }))
    expect(() => format.rewriteFrame(read!, [{ path: ['outputText'], text: 'y' }])).toThrow('names no text')
  })
})

test("OpenAI's models there stream chat completions", () => {
  const chunk = {
    choices: [{ index: 0, delta: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  }
  expect(partsOf(wireFrame({ chunk }), openaiChat)).toMatchObject([
    { kind: 'text-delta', text: 'Hi', path: ['choices', 0, 'delta', 'content'] },
    { kind: 'finish' },
  ])
})
