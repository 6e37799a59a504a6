import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Frame, JsonPath, Part } from '../../../../src/llm/format.ts'
import { openaiResponses } from '../../../../src/llm/openai-responses/index.ts'

const fixtures = new URL('../../../fixtures/openai-responses/', import.meta.url)
const readFixture = (name: string) => new Uint8Array(readFileSync(new URL(name, fixtures)))

function decode(bytes: Uint8Array): readonly Frame[] {
  const stream = openaiResponses.openStream()
  return [...stream.push(bytes), ...stream.end()]
}

const partsOf = (text: string): readonly Part[] =>
  decode(new TextEncoder().encode(text)).flatMap(frame => frame.parts)
const partsOfEvents = (...events: readonly object[]) =>
  partsOf(events.map(event => `data: ${JSON.stringify(event)}\n\n`).join(''))

/**
 * The running texts of a stream as `kind: text`, in the order in which they began, with how often each was repeated;
 * repeats that differ from their text; and the other parts in order.
 */
function gather(frames: readonly Frame[]) {
  const texts = new Map<string, { kind: string; text: string; repeats: number }>()
  const differing: string[] = []
  const rest: (Part | string)[] = []
  for (const part of frames.flatMap(frame => frame.parts)) {
    if (part.kind === 'text-delta') {
      const key = `${part.choice}/${part.textKind}/${part.block}`
      const known = texts.get(key) ?? { kind: part.textKind, text: '', repeats: 0 }
      texts.set(key, { ...known, text: known.text + part.text })
    } else if (part.kind === 'text-repeat') {
      const known = texts.get(`${part.choice}/${part.textKind}/${part.block}`)
      if (known?.text !== part.text) differing.push(part.text)
      else known.repeats++
    } else if (part.kind === 'finish') rest.push(part.block === undefined ? 'finish' : 'finish-block')
    else rest.push(part.kind)
  }
  return {
    texts: [...texts.values()].map(({ kind, text, repeats }) => [kind, text, repeats]),
    differing,
    rest,
  }
}

const END = ['finish', 'terminator']

describe('recorded streams', () => {
  test.each<[string, readonly (readonly [string, string, number])[], readonly string[]]>([
    ['text.sse', [['content', 'The river Weiß is cold 🥶.', 4]], END],
    [
      'tool-calls.sse',
      [
        ['content', 'Let me look.', 4],
        ['tool-call', '{"city":"Köln"}', 3],
        ['tool-call', '{"to":"a@example.com"}', 3],
      ],
      ['finish-block', 'finish-block', ...END],
    ],
    [
      'reasoning.sse',
      [
        ['reasoning', '**Greeting** The user greets.', 4],
        ['reasoning', 'Answer kindly.', 4],
        ['reasoning', 'They said hi.', 4],
        ['content', 'Hello!', 4],
        ['content', 'Greetings', 3],
        ['content', 'https://example.com/hello', 3],
        ['content', 'greetings.pdf', 3],
      ],
      ['uninspectable', 'uninspectable', ...END],
    ],
    [
      'hosted-tools.sse',
      [
        ['tool-call', 'weather Köln', 1],
        ['tool-call', 'https://example.com/w', 1],
        ['tool-result', 'Ask about a repository', 1],
        ['tool-result', 'The question', 1],
        ['tool-call', '{"q":"who?"}', 3],
        ['tool-result', 'Nobody.', 1],
        ['tool-call', 'print(1)', 3],
        ['tool-result', '1\n', 1],
        ['tool-call', 'secret plans', 1],
        ['tool-result', 'draft', 1],
        ['tool-result', 'plans.txt', 1],
        ['tool-result', 'The plan is simple.', 1],
        ['tool-call', 'A red fox', 1],
        ['content', 'Done.', 4],
      ],
      [
        ...Array<string>(5).fill('finish-block'),
        ...Array<string>(3).fill('uninspectable'),
        'finish-block',
        'uninspectable',
        ...END,
      ],
    ],
    [
      'client-tools.sse',
      [
        ['tool-call', 'ls -la', 3],
        ['tool-call', '', 0],
        ['tool-call', 'echo hi', 3],
        ['tool-call', 'ls', 3],
        ['tool-result', 'hi\n', 3],
        ['tool-result', 'warning', 3],
        ['tool-call', 'a.ts', 2],
        ['tool-call', '-a\n+b\n', 3],
        ['tool-call', 'hello there', 2],
      ],
      [...Array<string>(7).fill('finish-block'), ...END],
    ],
    [
      'whole-items.sse',
      [
        ['content', 'All at once', 1],
        ['tool-call', '{"a":"x"}', 1],
      ],
      ['finish-block', ...END, 'terminator'],
    ],
    ['completed-only.sse', [['content', 'All at once', 0]], END],
    ['refusal-crlf.sse', [['refusal', "I'm sorry, no.", 4]], END],
    ['incomplete.sse', [['content', 'Half a', 4]], END],
    ['failed.sse', [['content', 'Hal', 0]], END],
    ['upstream-error.sse', [['content', 'Hal', 0]], []],
  ])('%s', (name, texts, rest) => {
    const bytes = readFixture(name)
    const frames = decode(bytes)
    expect(gather(frames)).toEqual({ texts, differing: [], rest })
    expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
  })

  test('an end that says something else than the deltas said', () => {
    expect(gather(decode(readFixture('differing.sse')))).toEqual({
      texts: [['content', 'Good day', 2]],
      differing: ['Good night', 'Good night'],
      rest: END,
    })
  })

  test('every recorded stream is tested', () => {
    expect(readdirSync(fixtures).filter(name => name.endsWith('.sse'))).toHaveLength(12)
  })

  test('byte by byte the same', () => {
    for (const name of readdirSync(fixtures).filter(each => each.endsWith('.sse'))) {
      const bytes = readFixture(name)
      const stream = openaiResponses.openStream()
      const frames = [...Array.from(bytes, byte => stream.push(Uint8Array.of(byte))).flat(), ...stream.end()]
      expect(frames).toEqual(decode(bytes))
    }
  })
})

test('the decoder says that there are repeats', () => {
  expect(openaiResponses.openStream().repeats).toBe(true)
})

const delta = (textKind: string, text: string, path: JsonPath, syntax?: 'json') => ({
  kind: 'text-delta',
  choice: 0,
  textKind,
  block: 0,
  text,
  syntax,
  path,
})
const uninspectable = { kind: 'uninspectable' }
const item = { item_id: 'i', output_index: 0 }

describe('parts of an event', () => {
  test.each<[string, object, readonly object[]]>([
    [
      'text',
      { type: 'response.output_text.delta', ...item, content_index: 0, delta: 'x' },
      [delta('content', 'x', ['delta'])],
    ],
    ['empty text', { type: 'response.output_text.delta', ...item, content_index: 0, delta: '' }, []],
    [
      'text that is an object',
      { type: 'response.output_text.delta', ...item, delta: { a: 1 } },
      [uninspectable],
    ],
    [
      'a part that opens with text',
      {
        type: 'response.content_part.added',
        ...item,
        content_index: 0,
        part: { type: 'output_text', text: 'x' },
      },
      [delta('content', 'x', ['part', 'text'])],
    ],
    [
      'an unknown part',
      { type: 'response.content_part.done', ...item, part: { type: 'scent', text: 'x' } },
      [delta('content', 'x', ['part', 'text']), uninspectable],
    ],
    ['a part that is missing', { type: 'response.content_part.added', ...item }, [uninspectable]],
    [
      'a part of vLLM',
      {
        type: 'response.reasoning_part.done',
        ...item,
        content_index: 0,
        part: { type: 'reasoning_text', text: 'x' },
      },
      [delta('reasoning', 'x', ['part', 'text'])],
    ],
    [
      'a call that begins',
      { type: 'response.output_item.added', output_index: 0, item: { type: 'function_call', arguments: '' } },
      [delta('tool-call', '', ['item', 'arguments'], 'json')],
    ],
    [
      'a call that begins without arguments',
      { type: 'response.output_item.added', output_index: 0, item: { type: 'function_call', name: 'f' } },
      [delta('tool-call', '', ['item', 'type'])],
    ],
    [
      'a call that begins whole',
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { type: 'function_call', arguments: '{}' },
      },
      [delta('tool-call', '{}', ['item', 'arguments'], 'json')],
    ],
    [
      'an unknown kind of call',
      { type: 'response.output_item.added', output_index: 0, item: { type: 'teleport_call' } },
      [uninspectable, delta('tool-call', '', ['item', 'type'])],
    ],
    [
      'a call of the server that says nothing yet',
      { type: 'response.output_item.added', output_index: 0, item: { type: 'web_search_call', id: 'ws' } },
      [],
    ],
    [
      'an empty argument fragment',
      { type: 'response.function_call_arguments.delta', ...item, delta: '' },
      [delta('tool-call', '', ['delta'], 'json')],
    ],
    [
      'a transcript',
      { type: 'response.audio.transcript.delta', delta: 'x' },
      [delta('content', 'x', ['delta'])],
    ],
    ['the end of a transcript', { type: 'response.audio.transcript.done' }, []],
    ['sound', { type: 'response.audio.delta', delta: 'AA==' }, [uninspectable]],
    [
      'a picture',
      { type: 'response.image_generation_call.partial_image', ...item, partial_image_b64: 'AA==' },
      [uninspectable],
    ],
    ['progress', { type: 'response.web_search_call.searching', ...item, sequence_number: 1 }, []],
    ['keepalive', { type: 'keepalive', sequence_number: 3 }, []],
    [
      'an unknown event',
      { type: 'response.dream.delta', ...item, delta: { text: 'x', type: 'y' }, weight: 2 },
      [uninspectable, delta('content', 'x', ['delta', 'text'])],
    ],
    [
      'an event of another API',
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'x' } },
      [uninspectable, delta('content', 'x', ['delta', 'text'])],
    ],
    [
      'a citation that is a string',
      { type: 'response.output_text.annotation.added', ...item, annotation: 'x' },
      [uninspectable],
    ],
    [
      'an answer with a text of all texts',
      { type: 'response.completed', response: { output: [], output_text: 'x' } },
      [
        delta('content', 'x', ['response', 'output_text']),
        { kind: 'finish', choice: 0 },
        { kind: 'terminator' },
      ],
    ],
    ['an answer that begins', { type: 'response.created', response: { id: 'r', output: [] } }, []],
    ['an error', { type: 'error', code: 'x', message: 'm' }, []],
    ['an error of another form', { error: { message: 'm' } }, []],
  ])('%s', (_, event, parts) => {
    expect(partsOfEvents(event)).toEqual(parts)
  })

  test('texts of different items, parts and fields do not share a block', () => {
    const say = (type: string, rest: object) => ({ type: `response.${type}.delta`, delta: 'x', ...rest })
    const parts = partsOfEvents(
      say('output_text', { output_index: 0, content_index: 0 }),
      say('output_text', { output_index: 0, content_index: 1 }),
      say('output_text', { output_index: 1, content_index: 0 }),
      say('refusal', { output_index: 0, content_index: 0 }),
      say('reasoning_text', { output_index: 2, content_index: 0 }),
      say('reasoning_summary_text', { output_index: 2, summary_index: 0 }),
      say('output_text', { item_id: 'a', content_index: 0 }),
      say('output_text', { item_id: 'b', content_index: 0 }),
    )
    expect(new Set(parts.map(part => part.kind === 'text-delta' && part.block)).size).toBe(parts.length)
  })

  test('the first whole text of a server without deltas is new, what follows repeats it', () => {
    const done = { type: 'response.output_text.done', ...item, content_index: 0, text: 'x' }
    const part = { type: 'response.content_part.done', ...item, content_index: 0 }
    expect(partsOfEvents(done, { ...part, part: { type: 'output_text', text: 'x' } })).toMatchObject([
      { kind: 'text-delta', text: 'x', path: ['text'] },
      { kind: 'text-repeat', text: 'x', path: ['part', 'text'] },
    ])
  })

  test('arguments that come only at the end of a call are new, and the call ends with its item', () => {
    const called = { type: 'function_call', id: 'i', arguments: '{"a":1}' }
    const parts = partsOfEvents(
      { type: 'response.output_item.added', output_index: 0, item: { ...called, arguments: '' } },
      { type: 'response.function_call_arguments.done', ...item, arguments: '{"a":1}' },
      { type: 'response.output_item.done', output_index: 0, item: called },
    )
    expect(parts.map(part => part.kind)).toEqual(['text-delta', 'text-delta', 'text-repeat', 'finish'])
    expect(parts).toMatchObject([
      { block: 0, text: '' },
      { block: 0, text: '{"a":1}' },
      { block: 0 },
      { block: 0 },
    ])
  })

  test('the end of one call is not the end of another', () => {
    const begin = (index: number) => ({
      type: 'response.output_item.added',
      output_index: index,
      item: { type: 'custom_tool_call', input: '' },
    })
    const end = {
      type: 'response.output_item.done',
      output_index: 1,
      item: { type: 'custom_tool_call', input: '' },
    }
    expect(partsOfEvents(begin(0), begin(1), end).at(-1)).toEqual({ kind: 'finish', choice: 0, block: 1 })
  })
})

describe('frames', () => {
  const terminator = { kind: 'terminator' }
  test.each<[string, string, readonly object[]]>([
    ['[DONE]', 'data: [DONE]\n\n', [terminator]],
    ['a comment', ': ping\n\n', []],
    ['empty data', 'data: \n\n', []],
    ['an event without data', 'event: ping\n\n', []],
    [
      'the type stands in the event field alone',
      'event: response.output_text.delta\ndata: {"output_index":0,"content_index":0,"delta":"x"}\n\n',
      [delta('content', 'x', ['delta'])],
    ],
    [
      'the type in the data counts',
      'event: response.created\ndata: {"type":"response.output_text.delta","delta":"x"}\n\n',
      [delta('content', 'x', ['delta'])],
    ],
    [
      'data over several lines',
      'data: {"type":"response.output_text.delta",\ndata: "delta":"x"}\n\n',
      [delta('content', 'x', ['delta'])],
    ],
  ])('%s', (_, input, parts) => {
    expect(partsOf(input)).toEqual(parts)
  })

  test.each([
    ['not JSON', 'data: {"type":\n\n', 'not-json'],
    ['text after [DONE]', 'data: [DONE] x\n\n', 'not-json'],
    ['a cut last event', 'data: {"type":"resp', 'not-json'],
    ['a list', 'data: []\n\n', 'wrong-shape'],
    ['no type', 'data: {"choices":[]}\n\n', 'wrong-shape'],
    ['a type that is a number', 'data: {"type":7}\n\n', 'wrong-shape'],
    ['an item that is missing', 'data: {"type":"response.output_item.done"}\n\n', 'wrong-shape'],
    ['an answer that is missing', 'data: {"type":"response.completed"}\n\n', 'wrong-shape'],
    [
      'an output with a string',
      'data: {"type":"response.completed","response":{"output":["x"]}}\n\n',
      'wrong-shape',
    ],
    ['too deep', `data: ${'['.repeat(100_000)}${']'.repeat(100_000)}\n\n`, 'wrong-shape'],
    ['a JSON body', '{"output":[]}', 'not-event-stream'],
  ])('undecodable: %s', (_, input, reason) => {
    expect(partsOf(input)).toEqual([{ kind: 'undecodable', reason }])
  })

  test('undecodable: not UTF-8', () => {
    const frames = decode(Uint8Array.from([...Buffer.from('data: "'), 0xff, ...Buffer.from('"\n\n')]))
    expect(frames.flatMap(frame => frame.parts)).toEqual([{ kind: 'undecodable', reason: 'not-utf8' }])
  })

  test('buffered counts the bytes of the frame that is not complete', () => {
    const stream = openaiResponses.openStream()
    stream.push(new TextEncoder().encode('data: [DONE]\n\ndata: é'))
    expect(stream.buffered).toBe(8)
    stream.end()
    expect(stream.buffered).toBe(0)
  })
})

test('what each command of a shell wrote is one text, however many there are, and its end repeats it', () => {
  const place = { item_id: 'sho_1', output_index: 0 }
  const type = 'response.shell_call_output_content'
  const delta = (command_index: number, stdout: string) => ({
    ...{ type: `${type}.delta`, ...place, command_index, delta: { stdout, stderr: '' } },
  })
  const done = {
    type: `${type}.done`,
    ...place,
    command_index: 1,
    output: [{ stdout: 'second', stderr: '' }],
  }
  const events = [delta(0, 'first'), delta(1, 'sec'), delta(1, 'ond'), done]
  const stream = openaiResponses.openStream()
  const frames = events.flatMap(event => stream.push(Buffer.from(`data: ${JSON.stringify(event)}\n\n`)))
  expect(gather(frames)).toEqual({
    texts: [
      ['tool-result', 'first', 0],
      ['tool-result', 'second', 1],
    ],
    differing: [],
    rest: [],
  })
})
