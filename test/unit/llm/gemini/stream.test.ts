import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Frame, JsonPath, LlmFormat, Part } from '../../../../src/llm/format.ts'
import { gemini, geminiArray, geminiSse } from '../../../../src/llm/gemini/index.ts'

const fixtures = new URL('../../../fixtures/gemini/', import.meta.url)
const readFixture = (name: string) => new Uint8Array(readFileSync(new URL(name, fixtures)))
const formatOf = (name: string): LlmFormat => (name.endsWith('.array.json') ? geminiArray : geminiSse)

function decode(bytes: Uint8Array, format: LlmFormat, size = bytes.length): readonly Frame[] {
  const stream = format.openStream()
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length; at += size) frames.push(...stream.push(bytes.slice(at, at + size)))
  return [...frames, ...stream.end()]
}

const decodeText = (text: string, format: LlmFormat = geminiSse) =>
  decode(new TextEncoder().encode(text), format)
const partsOf = (text: string, format?: LlmFormat): readonly Part[] =>
  decodeText(text, format).flatMap(frame => frame.parts)
const event = (answer: unknown) => `data: ${JSON.stringify(answer)}\n\n`
const partsOfCandidate = (...candidates: unknown[]) => partsOf(event({ candidates }))
const partsOfPart = (...parts: unknown[]) => partsOfCandidate({ content: { role: 'model', parts } })

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

const finish = (choice: number) => ({ kind: 'finish', choice })
const terminator = { kind: 'terminator' }

describe('recorded streams', () => {
  test.each([
    ['text.sse', { '0/content/0': 'The river Weiß is cold 🥶.' }, [finish(0)]],
    ['vertex-lf.sse', { '0/content/0': 'Bonjour' }, [finish(0)]],
    ['every-event-stops.sse', { '0/content/0': 'Guten Tag!' }, [finish(0), finish(0), finish(0)]],
    [
      'thoughts.sse',
      { '0/reasoning/0': '**Greeting**\n\nThe user greets.', '0/content/0': 'Hello!' },
      [finish(0)],
    ],
    [
      'tool-calls.sse',
      {
        '0/content/0': 'Let me look.',
        '0/tool-call/2': '',
        '0/tool-call/3': 'Köln',
        '0/tool-call/4': 'two',
        '0/tool-call/5': '',
      },
      [finish(0), finish(0)],
    ],
    [
      'streamed-call.sse',
      {
        '0/tool-call/2': '',
        '0/tool-call/3': 'a@example.com',
        '0/tool-call/4': 'Hi',
        '0/content/0': 'Sent.',
      },
      [finish(0), finish(0)],
    ],
    [
      'two-candidates.sse',
      { '0/content/0': 'Yes, sure', '1/content/0': 'No, never' },
      [finish(0), finish(1)],
    ],
    [
      'code-execution.sse',
      {
        '0/content/0': 'Let me compute.It is 42.',
        '0/tool-call/2': '',
        '0/tool-call/3': 'print(6*7)',
        '0/tool-result/4': '42\n',
      },
      [finish(0), finish(0)],
    ],
    [
      'grounded.sse',
      {
        '0/content/0': 'Call 555-0100.',
        '0/content/2': 'phone book',
        '0/content/3': 'https://example.com/phones',
        '0/content/4': 'Phone book',
        '0/content/5': 'Call 555-0100.',
      },
      [finish(0)],
    ],
    ['upstream-error.sse', { '0/content/0': 'Hal' }, []],
    ['blocked-prompt.sse', { '0/content/2': 'The prompt was blocked.' }, []],
    ['text.array.json', { '0/content/0': 'The river Weiß [is] {cold} 🥶 "\\.!' }, [finish(0), terminator]],
    [
      'compact.array.json',
      { '0/content/0': 'Bonjour', '0/tool-call/2': '', '0/tool-call/3': 'x]}"' },
      [finish(0), finish(0), terminator],
    ],
    ['error.array.json', { '0/content/0': 'Hal' }, [terminator]],
  ])('%s', (name, texts, rest) => {
    const bytes = readFixture(name)
    const whole = decode(bytes, formatOf(name))
    expect(gather(whole)).toEqual({ texts, rest })
    const bytewise = decode(bytes, formatOf(name), 1)
    for (const frames of [whole, bytewise]) {
      expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
    }
    expect(bytewise).toEqual(whole)
  })

  test('every recorded stream is tested', () => {
    const streams = readdirSync(fixtures).filter(name => /\.sse$|\.array\.json$/.test(name))
    expect(streams).toHaveLength(14)
  })
})

describe('parts of a part', () => {
  const text = (textKind: string, block: number, value: string, ...place: JsonPath) => ({
    kind: 'text-delta',
    choice: 0,
    textKind,
    block,
    text: value,
    path: ['candidates', 0, 'content', 'parts', ...place],
  })
  const uninspectable = { kind: 'uninspectable' }

  test.each([
    ['text', [{ text: 'x' }], [text('content', 0, 'x', 0, 'text')]],
    ['empty text', [{ text: '', thoughtSignature: 'c2ln' }], []],
    [
      'texts side by side run on: clients join them',
      [{ text: 'x' }, { text: 'y' }],
      [text('content', 0, 'x', 0, 'text'), text('content', 0, 'y', 1, 'text')],
    ],
    [
      'thoughts are another text',
      [{ text: 'x', thought: true }, { text: 'y' }],
      [text('reasoning', 0, 'x', 0, 'text'), text('content', 0, 'y', 1, 'text')],
    ],
    [
      'a whole call',
      [{ functionCall: { name: 'f', args: { a: 'x', b: ['y', ''] } } }],
      [
        text('tool-call', 2, '', 0, 'functionCall'),
        text('tool-call', 3, 'x', 0, 'functionCall', 'args', 'a'),
        text('tool-call', 4, 'y', 0, 'functionCall', 'args', 'b', 0),
        finish(0),
      ],
    ],
    [
      'a call without arguments',
      [{ functionCall: { name: 'f' } }],
      [text('tool-call', 2, '', 0, 'functionCall'), finish(0)],
    ],
    [
      'a transcript',
      [{ audioTranscription: { text: 'x' } }],
      [text('content', 1, 'x', 0, 'audioTranscription', 'text')],
    ],
    [
      'a result of the API',
      [{ toolResponse: { response: { a: 'x' } } }],
      [text('tool-result', 2, 'x', 0, 'toolResponse', 'response', 'a')],
    ],
    ['a picture', [{ inlineData: { mimeType: 'image/png', data: 'AA==' } }], [uninspectable]],
    ['an unknown part', [{ hologram: 1 }], [uninspectable]],
    ['text of a number', [{ text: 7 }], [uninspectable]],
    ['a part of a number', [7], [uninspectable]],
  ])('%s', (_, parts, expected) => {
    expect(partsOfPart(...parts)).toEqual(expected)
  })

  test('two calls never share a text, in one event or in two', () => {
    const call = { functionCall: { name: 'f', args: { a: 'x' } } }
    const one = { candidates: [{ content: { parts: [call, call] } }] }
    const blocks = partsOf(event(one) + event(one)).flatMap(part =>
      part.kind === 'text-delta' && part.text !== '' ? [part.block] : [],
    )
    expect(new Set(blocks).size).toBe(4)
  })

  test('a path has the place in the list, not the index of the candidate', () => {
    const parts = partsOfCandidate({ index: 1 }, { index: 0, content: { parts: [{ text: 'x' }] } })
    expect(parts).toMatchObject([{ choice: 0, path: ['candidates', 1, 'content', 'parts', 0, 'text'] }])
  })
})

describe('parts of an answer', () => {
  test.each([
    [
      'the finish comes after the text',
      { candidates: [{ index: 1, content: { parts: [{ text: 'x' }] }, finishReason: 'STOP' }] },
      ['text-delta', 'finish'],
    ],
    ['a candidate without content', { candidates: [{ index: 0 }] }, []],
    ['an answer that goes on elsewhere', { candidates: [{ finishReason: 'CONTINUATION' }] }, []],
    ['no reason to finish', { candidates: [{ finishReason: 'FINISH_REASON_UNSPECIFIED' }] }, []],
    ['usage alone', { usageMetadata: { trafficType: 'ON_DEMAND' } }, []],
    ['an error', { error: { code: 503, message: 'x', status: 'UNAVAILABLE' } }, []],
    [
      'an answer beside an error',
      { error: {}, candidates: [{ content: { parts: [{ text: 'x' }] } }] },
      ['text-delta'],
    ],
  ])('%s', (_, answer, kinds) => {
    expect(partsOf(event(answer)).map(part => part.kind)).toEqual(kinds)
    expect(partsOf(`[${JSON.stringify(answer)}`, geminiArray).map(part => part.kind)).toEqual(kinds)
  })

  test.each([
    ['a comment', ': ping\n\n'],
    ['empty data', 'data: \n\n'],
    ['an event without data', 'event: ping\n\n'],
  ])('no text: %s', (_, input) => {
    expect(partsOf(input)).toEqual([])
  })

  test.each([
    ['not JSON', 'data: {"candidates":[\n\n', 'not-json'],
    ['[DONE], on which the clients fail', 'data: [DONE]\n\n', 'not-json'],
    ['a cut last event', 'data: {"candi', 'not-json'],
    ['a list', 'data: []\n\n', 'wrong-shape'],
    ['nothing', 'data: {}\n\n', 'wrong-shape'],
    ['another API', 'data: {"choices":[]}\n\n', 'wrong-shape'],
    ['an error that is no object', 'data: {"error":"x"}\n\n', 'wrong-shape'],
    ['candidates as an object', 'data: {"candidates":{}}\n\n', 'wrong-shape'],
    ['a candidate that is a string', 'data: {"candidates":["x"]}\n\n', 'wrong-shape'],
    ['two candidates of one index', 'data: {"candidates":[{"index":1},{"index":1}]}\n\n', 'wrong-shape'],
    ['an index out of range', 'data: {"candidates":[{"index":128}]}\n\n', 'wrong-shape'],
    ['too deep', `data: ${'['.repeat(100_000)}${']'.repeat(100_000)}\n\n`, 'wrong-shape'],
    ['a JSON body', '{"candidates":[]}', 'not-event-stream'],
  ])('undecodable: %s', (_, input, reason) => {
    expect(partsOf(input)).toEqual([{ kind: 'undecodable', reason }])
  })

  test.each([
    ['an object', '{"candidates":[]}', 'not-json'],
    ['an event', 'data: {}\n\n', 'not-json'],
    ['a list in the list', '[[', 'not-json'],
    ['an element that is no answer', '[{}', 'wrong-shape'],
    ['an element that is a string', '["x"', 'wrong-shape'],
    ['a cut element', '[{"candidates":[', 'not-json'],
  ])('undecodable array: %s', (_, input, reason) => {
    expect(partsOf(input, geminiArray)[0]).toEqual({ kind: 'undecodable', reason })
  })
})

test('buffered counts the bytes of the frame that is not complete', () => {
  for (const [format, input, bytes] of [
    [geminiSse, 'data: {"candidates":[]}\n\ndata: é', 8],
    [geminiArray, '[{"candidates":[]},{"a":"é', 9],
  ] as const) {
    const stream = format.openStream()
    stream.push(new TextEncoder().encode(input))
    expect(stream.buffered).toBe(bytes)
    stream.end()
    expect(stream.buffered).toBe(0)
  }
})

test('there is no heartbeat: one client fails on any comment', () => {
  for (const format of [gemini, geminiSse, geminiArray]) expect(format.heartbeat).toBeUndefined()
})
