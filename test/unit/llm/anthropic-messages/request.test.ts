import { describe, expect, test } from 'vitest'
import { anthropicBatches, anthropicMessages } from '../../../../src/llm/anthropic-messages/index.ts'
import type { LlmRequest } from '../../../../src/llm/format.ts'
import { viewed } from '../../../../src/policy/view.ts'
import { PLACE, readFixture } from './given.ts'

const wrongShape = { kind: 'undecodable', reason: 'wrong-shape' }
const bytesOf = (body: unknown) => new TextEncoder().encode(JSON.stringify(body))
const decode = (body: unknown) => anthropicMessages.decodeRequest(bytesOf(body), PLACE)

function read(body: unknown, decoded = decode(body)): LlmRequest {
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  return decoded.value
}

const readContent = (content: unknown) => read({ messages: [{ role: 'user', content }] })
const row = ({ segments }: LlmRequest) =>
  segments.map(({ message, role, kind, text, path }) => [message, role, kind, text, path.join('.')])
/** The segments without their places: role, kind and text. */
const said = (content: unknown) =>
  readContent(content).segments.map(({ role, kind, text }) => [role, kind, text])

test('a request of an agent', () => {
  const request = read(undefined, anthropicMessages.decodeRequest(readFixture('request-agent.json'), PLACE))
  expect({ ...request, segments: [] }).toEqual({
    model: 'claude-sonnet-4-5',
    streams: true,
    choices: 1,
    segments: [],
    uninspectable: 3,
    structuredOutput: false,
    streamUsage: false,
  })
  expect(row(request)).toEqual([
    [0, 'system', 'content', 'You are terse.', 'system.0.text'],
    [1, 'user', 'content', 'What is on this picture?', 'messages.0.content.0.text'],
    [2, 'assistant', 'reasoning', 'Ask the tools.', 'messages.1.content.0.thinking'],
    [2, 'assistant', 'content', 'A river.', 'messages.1.content.2.text'],
    [2, 'assistant', 'tool-call', 'Köln', 'messages.1.content.3.input.city'],
    [2, 'assistant', 'tool-call', 'now', 'messages.1.content.3.input.notes.0'],
    [2, 'assistant', 'tool-call', '/a', 'messages.1.content.4.input.path'],
    [3, 'tool', 'tool-result', '12 °C', 'messages.2.content.0.content'],
    [4, 'tool', 'tool-result', 'file a', 'messages.2.content.1.content.0.text'],
    [5, 'user', 'content', 'Page', 'messages.2.content.2.title'],
    [5, 'user', 'content', 'From the web', 'messages.2.content.2.context'],
    [5, 'user', 'content', 'A plain page', 'messages.2.content.2.source.data'],
    [5, 'user', 'content', 'Thanks', 'messages.2.content.3.text'],
    [6, 'system', 'content', 'Be kind.', 'messages.3.content'],
    [7, 'assistant', 'content', 'It is', 'messages.4.content'],
  ])
})

describe('roles', () => {
  test.each([
    ['user', 'user'],
    ['assistant', 'assistant'],
    ['system', 'system'],
    ['tool', 'user'],
    ['constructor', 'user'],
    [undefined, 'user'],
    [7, 'user'],
  ])('%s is %s', (role, expected) => {
    expect(read({ messages: [{ role, content: 'x' }] }).segments).toMatchObject([{ role: expected }])
  })
})

describe('the system prompt', () => {
  test.each<[string, unknown, readonly string[]]>([
    ['a string', 'x', ['x']],
    [
      'blocks',
      [
        { type: 'text', text: 'x' },
        { type: 'text', text: 'y' },
      ],
      ['x', 'y'],
    ],
    ['null', null, []],
    ['empty', '', []],
  ])('%s', (_, system, texts) => {
    const { segments } = read({ system, messages: [] })
    expect(segments.map(({ role, text }) => [role, text])).toEqual(texts.map(text => ['system', text]))
  })

  test('what is asked of the model that sums up', () => {
    const request = read({
      compaction: { type: 'summarize', instructions: 'a' },
      context_management: { edits: [{ type: 'clear_thinking' }, { type: 'compact', instructions: 'b' }] },
      messages: [],
    })
    expect(row(request)).toEqual([
      [0, 'system', 'content', 'a', 'compaction.instructions'],
      [0, 'system', 'content', 'b', 'context_management.edits.1.instructions'],
    ])
  })
})

describe('texts of a message', () => {
  const search = { type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'x' }] }

  test.each<[string, unknown, readonly unknown[]]>([
    ['a string', 'x', [['user', 'content', 'x']]],
    ['nothing', '', []],
    ['a bare string as a block', ['x'], [['user', 'content', 'x']]],
    [
      'citations',
      [
        {
          type: 'text',
          text: 'x',
          citations: [{ type: 'page_location', cited_text: 'c', document_title: 'd' }],
        },
      ],
      [
        ['user', 'content', 'x'],
        ['user', 'content', 'c'],
        ['user', 'content', 'd'],
      ],
    ],
    [
      'a document of blocks',
      [{ type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'x' }] } }],
      [['user', 'content', 'x']],
    ],
    [
      'a document of one text',
      [{ type: 'document', title: null, source: { type: 'content', content: 'x' } }],
      [['user', 'content', 'x']],
    ],
    [
      'a search result',
      [search],
      [
        ['user', 'content', 't'],
        ['user', 'content', 's'],
        ['user', 'content', 'x'],
      ],
    ],
    [
      'a search result of a tool',
      [{ type: 'tool_result', content: [search] }],
      [
        ['tool', 'tool-result', 't'],
        ['tool', 'tool-result', 's'],
        ['tool', 'tool-result', 'x'],
      ],
    ],
    [
      'a document of a tool',
      [{ type: 'tool_result', content: [{ type: 'document', source: { type: 'text', data: 'x' } }] }],
      [['tool', 'tool-result', 'x']],
    ],
    [
      'what a browser shows',
      [
        {
          type: 'tool_result',
          content: [{ type: 'browser_state', tabs: [{ title: 't', url: 'u' }], state_changes: null }],
        },
      ],
      [
        ['tool', 'tool-result', 't'],
        ['tool', 'tool-result', 'u'],
      ],
    ],
    ['a result without content', [{ type: 'tool_result', tool_use_id: 't', content: null }], []],
    ['input that is a string', [{ type: 'tool_use', name: 'f', input: 'x' }], [['user', 'tool-call', 'x']]],
    ['a summary', [{ type: 'compaction', content: 'x', encrypted_content: 'E' }], [['user', 'content', 'x']]],
    ['names are no text', [{ type: 'tool_reference', tool_name: 'f' }], []],
  ])('%s', (_, content, expected) => {
    expect(said(content)).toEqual(expected)
  })

  test('results of tools stand between what the user says before and after', () => {
    const result = { type: 'tool_result', content: 'r' }
    const text = (value: string) => ({ type: 'text', text: value })
    const rows = row(readContent([text('a'), result, result, text('b'), text('c')]))
    expect(rows.map(each => each.slice(0, 4))).toEqual([
      [0, 'user', 'content', 'a'],
      [1, 'tool', 'tool-result', 'r'],
      [2, 'tool', 'tool-result', 'r'],
      [3, 'user', 'content', 'b'],
      [3, 'user', 'content', 'c'],
    ])
  })

  test('tools are no text', () => {
    expect(read({ messages: [], tools: [{ name: 'f', description: 'd' }] }).segments).toEqual([])
  })
})

describe('uninspectable', () => {
  const image = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }

  test.each<[string, unknown, number]>([
    ['an image', [image], 1],
    ['an image of a tool', [{ type: 'tool_result', content: [image] }], 1],
    [
      'a PDF',
      [{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JV' } }],
      1,
    ],
    ['a document elsewhere', [{ type: 'document', source: { type: 'url', url: 'u' } }], 1],
    ['a file', [{ type: 'document', source: { type: 'file', file_id: 'file_1' } }], 1],
    ['a document of images', [{ type: 'document', source: { type: 'content', content: [image] } }], 1],
    ['redacted thinking', [{ type: 'redacted_thinking', data: 'E' }], 1],
    ['an unknown block', [{ type: 'hologram' }, {}, { type: 'constructor' }], 3],
    ['a hidden summary', [{ type: 'compaction', encrypted_content: 'E' }], 1],
    ['text', [{ type: 'text', text: 'x' }], 0],
  ])('%s', (_, content, count) => {
    expect(readContent(content).uninspectable).toBe(count)
  })

  test('the text of an unknown block is read and the block counted', () => {
    const request = readContent([{ type: 'hologram', text: 'x' }])
    expect(request.segments).toMatchObject([{ text: 'x', path: ['messages', 0, 'content', 0, 'text'] }])
    expect(request.uninspectable).toBe(1)
  })

  test.each([
    [{ type: 'continue', previous_message_id: 'msg_1' }, 1],
    [{ type: 'create' }, 0],
    [null, 0],
  ])('a conversation that the server keeps: %j', (thread, count) => {
    expect(read({ messages: [], thread }).uninspectable).toBe(count)
  })
})

describe('settings', () => {
  test.each([
    [{ stream: true }, true],
    [{ stream: false }, false],
    [{ stream: null }, false],
    [{}, undefined],
  ])('streams: %j', (rest, streams) => {
    expect(read({ messages: [], ...rest }).streams).toBe(streams)
  })

  test.each([
    [{ output_config: { format: { type: 'json_schema', schema: {} } } }, true],
    [{ output_format: { type: 'json_schema', schema: {} } }, true],
    [{ output_config: { effort: 'low' }, output_format: { type: 'json_schema' } }, true],
    [{ output_config: { format: null } }, false],
    [{}, false],
  ])('structuredOutput: %j', (rest, structuredOutput) => {
    expect(read({ messages: [], ...rest }).structuredOutput).toBe(structuredOutput)
  })

  const vertex = '/v1/projects/p/locations/l/publishers/anthropic/models/claude-x@20250101'
  test.each([
    [{ model: 'm' }, PLACE.path, 'm'],
    [{ model: 7 }, PLACE.path, undefined],
    [{}, PLACE.path, undefined],
    [{}, `${vertex}:rawPredict`, 'claude-x@20250101'],
    [{}, `${vertex}:streamRawPredict`, 'claude-x@20250101'],
    [{ model: 'm' }, `${vertex}:rawPredict`, 'm'],
  ])('model: %j at %s', (rest, path, model) => {
    const body = bytesOf({ messages: [], ...rest })
    expect(read(undefined, anthropicMessages.decodeRequest(body, { path, query: '' })).model).toBe(model)
  })
})

describe('undecodable', () => {
  test.each<[string, unknown]>([
    ['an array', []],
    ['null', null],
    ['messages missing', { model: 'm' }],
    ['messages as an object', { messages: {} }],
    ['a message that is a string', { messages: ['x'] }],
    ['content of a number', { messages: [{ content: 7 }] }],
    ['a block of a number', { messages: [{ content: [7] }] }],
    ['a text block without text', { messages: [{ content: [{ type: 'text' }] }] }],
    ['a text block with a number', { messages: [{ content: [{ type: 'text', text: 7 }] }] }],
    ['a document without a source', { messages: [{ content: [{ type: 'document' }] }] }],
    [
      'document text of an object',
      { messages: [{ content: [{ type: 'document', source: { type: 'text', data: {} } }] }] },
    ],
    ['a system prompt of a number', { system: 7, messages: [] }],
    ['instructions of a number', { compaction: { instructions: 7 }, messages: [] }],
    ['stream as a string', { messages: [], stream: 'true' }],
    ['stream as a number', { messages: [], stream: 1 }],
  ])('%s', (_, body) => {
    expect(decode(body)).toEqual(wrongShape)
  })

  test('not JSON, not UTF-8, too deep, a key twice', () => {
    const decodeText = (text: string) =>
      anthropicMessages.decodeRequest(new TextEncoder().encode(text), PLACE)
    expect(decodeText('')).toEqual({ kind: 'undecodable', reason: 'not-json' })
    expect(anthropicMessages.decodeRequest(new Uint8Array([0xff]), PLACE)).toEqual({
      kind: 'undecodable',
      reason: 'not-utf8',
    })
    expect(decodeText(`{"messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toEqual(wrongShape)
    expect(decodeText('{"messages":[],"messages":[{"content":"x"}]}')).toEqual(wrongShape)
  })
})

describe('a batch', () => {
  const decodeBatch = (body: unknown) => anthropicBatches.decodeRequest(bytesOf(body))
  const prompt = (...texts: string[]) => ({
    custom_id: 'c',
    params: {
      messages: texts.map((content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content })),
    },
  })

  test('holds the texts of all its requests', () => {
    const requests = [
      { custom_id: 'a', params: { system: 's', messages: [{ role: 'user', content: 'x' }] } },
      {
        custom_id: 'b',
        params: { messages: [{ role: 'user', content: [{ type: 'text', text: 'y' }, { type: 'image' }] }] },
      },
    ]
    const request = read(undefined, decodeBatch({ requests }))
    expect(row(request)).toEqual([
      [0, 'system', 'content', 's', 'requests.0.params.system'],
      [1, 'user', 'content', 'x', 'requests.0.params.messages.0.content'],
      [2, 'user', 'content', 'y', 'requests.1.params.messages.0.content.0.text'],
    ])
    expect(request).toMatchObject({ uninspectable: 1, streams: false, choices: 1, structuredOutput: false })
  })

  test('has the newest turn of each request in its newest turn', () => {
    const requests = [
      prompt('a1', 'b1', 'c1'),
      prompt('a2'),
      prompt('a3', 'b3', 'c3', 'd3'),
      prompt('a4', 'b4', 'c4'),
    ]
    const { segments } = read(undefined, decodeBatch({ requests }))
    const newest = viewed(segments, { scan: 'latest_turn', roles: undefined })
    expect(newest.map(index => segments[index]!.text)).toEqual(['c1', 'a2', 'c3', 'c4', 'd3'])
    expect(segments).toHaveLength(11)
  })

  test.each<[string, unknown]>([
    ['no requests', {}],
    ['requests as an object', { requests: {} }],
    ['a request that is a string', { requests: ['x'] }],
    ['no params', { requests: [{ custom_id: 'a' }] }],
    ['params without messages', { requests: [{ params: {} }] }],
    ['one of them malformed', { requests: [prompt('x'), { params: { messages: [7] } }] }],
    ['a list', []],
  ])('wrong shape: %s', (_, body) => {
    expect(decodeBatch(body)).toEqual(wrongShape)
  })
})
