import { describe, expect, test } from 'vitest'
import {
  bedrockConverse,
  bedrockConverseStream,
  novaMessages,
} from '../../../../src/llm/bedrock-converse/index.ts'
import type { LlmFormat } from '../../../../src/llm/format.ts'
import { readBedrockFixture } from '../../../support/bedrock.ts'

const encoder = new TextEncoder()
const PATH = '/model/anthropic.claude-sonnet-4-5-20250929-v1:0/converse'

function decode(body: unknown, format: LlmFormat = bedrockConverse, path = PATH) {
  const bytes = body instanceof Uint8Array ? body : encoder.encode(JSON.stringify(body))
  return format.decodeRequest(bytes, { path, query: '' })
}

function request(body: unknown, path = PATH) {
  const decoded = decode(body, bedrockConverse, path)
  if (decoded.kind !== 'ok') throw new Error(decoded.reason)
  return decoded.value
}

/** `[message, role, kind, text, path]` of each segment. */
const segments = (body: unknown) =>
  request(body).segments.map(({ message, role, kind, text, path }) => [
    message,
    role,
    kind,
    text,
    path.join('.'),
  ])

test('an agent request: every text with its role, in the order said', () => {
  const body = readBedrockFixture('request-agent.json')
  const [report, plan, results] = [0, 1, 2].map(index => `messages.${index}.content`)
  expect(segments(body)).toEqual([
    [0, 'system', 'content', 'You are a careful assistant.', 'system.0.text'],
    [0, 'system', 'content', 'Never tell secrets.', 'system.2.guardContent.text.text'],
    [0, 'system', 'content', 'pirate', 'additionalModelRequestFields.persona'],
    [1, 'user', 'content', 'What is in the report?', `${report}.0.text`],
    [1, 'user', 'content', 'report', `${report}.1.document.name`],
    [1, 'user', 'content', 'Q3', `${report}.1.document.context`],
    [1, 'user', 'content', 'Sales fell.', `${report}.1.document.source.text`],
    [1, 'user', 'content', 'notes', `${report}.2.document.name`],
    [1, 'user', 'content', 'Ask Ann.', `${report}.2.document.source.content.0.text`],
    [1, 'user', 'content', 'scan', `${report}.3.document.name`],
    [1, 'user', 'content', 'A page', `${report}.5.searchResult.title`],
    [1, 'user', 'content', 'https://example.com/a', `${report}.5.searchResult.source`],
    [1, 'user', 'content', 'Found it.', `${report}.5.searchResult.content.0.text`],
    [2, 'assistant', 'reasoning', 'Look it up.', `${plan}.0.reasoningContent.reasoningText.text`],
    [2, 'assistant', 'content', 'I ask the tools.', `${plan}.2.text`],
    [2, 'assistant', 'tool-call', 'sales', `${plan}.3.toolUse.input.query`],
    [2, 'assistant', 'tool-call', 'q2', `${plan}.3.toolUse.input.in.0`],
    [2, 'assistant', 'tool-call', 'q3', `${plan}.3.toolUse.input.in.1`],
    [2, 'assistant', 'tool-call', 'ann@example.com', `${plan}.4.toolUse.input.to`],
    [3, 'tool', 'tool-result', 'Two rows.', `${results}.0.toolResult.content.0.text`],
    [3, 'tool', 'tool-result', 'north', `${results}.0.toolResult.content.1.json.rows.0.name`],
    [3, 'tool', 'tool-result', 'south', `${results}.0.toolResult.content.1.json.rows.1.name`],
    [3, 'tool', 'tool-result', 'Rules', `${results}.1.toolResult.content.1.searchResult.title`],
    [3, 'tool', 'tool-result', 'kb', `${results}.1.toolResult.content.1.searchResult.source`],
    [
      3,
      'tool',
      'tool-result',
      'Mail is off.',
      `${results}.1.toolResult.content.1.searchResult.content.0.text`,
    ],
    [4, 'user', 'content', 'And now?', `${results}.2.guardContent.text.text`],
  ])
  // The PDF, two images, and the encrypted reasoning.
  expect(request(body).uninspectable).toBe(4)
})

describe('what the path says', () => {
  test.each([
    ['an id', '/model/amazon.nova-lite-v1:0/converse', 'amazon.nova-lite-v1:0'],
    ['an inference profile', '/model/us.anthropic.claude-opus-4/converse', 'us.anthropic.claude-opus-4'],
    [
      'an ARN, whose slashes the path has plain',
      '/model/arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0/converse',
      'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0',
    ],
    ["a gateway's prefix", '/bedrock/model/m/converse', 'm'],
    ['a trailing slash', '/model/m/converse/', 'm'],
    ['the other operation', '/model/m/converse-stream', 'm'],
    ['no model', '/converse', undefined],
  ])('the model: %s', (_, path, model) => {
    expect(request({ messages: [] }, path).model).toBe(model)
  })

  test('whether to stream', () => {
    expect(decode({ stream: true, messages: [] })).toMatchObject({ value: { streams: false } })
    expect(decode({ stream: false, messages: [] }, bedrockConverseStream)).toMatchObject({
      value: { streams: true },
    })
  })

  test('a prompt that Bedrock keeps is not seen; what is filled into it is', () => {
    const path = '/model/arn:aws:bedrock:us-east-1:123456789012:prompt/PROMPT12345:1/converse'
    const { segments: said, uninspectable } = request({ promptVariables: { genre: { text: 'pop' } } }, path)
    expect(said).toEqual([
      {
        message: 0,
        role: 'user',
        kind: 'content',
        text: 'pop',
        path: ['promptVariables', 'genre', 'text'],
      },
    ])
    expect(uninspectable).toBe(1)
  })

  test('Nova says it in its body', () => {
    const body = { model: 'amazon.nova-lite-v1:0', stream: true, messages: [] }
    expect(decode(body, novaMessages)).toMatchObject({
      value: { model: 'amazon.nova-lite-v1:0', streams: true },
    })
    expect(decode({ messages: [] }, novaMessages)).toMatchObject({
      value: { model: undefined, streams: undefined },
    })
  })
})

describe('blocks', () => {
  const content = (...blocks: unknown[]) => ({ messages: [{ role: 'user', content: blocks }] })
  const texts = (...blocks: unknown[]) => {
    const { segments: said, uninspectable } = request(content(...blocks))
    return [said.map(({ text }) => text), uninspectable]
  }

  test.each([
    ['an unknown role is the user', { messages: [{ role: 'critic', content: [{ text: 'x' }] }] }, 'user'],
    ['system messages', { messages: [{ role: 'system', content: [{ text: 'x' }] }] }, 'system'],
  ])('%s', (_, body, role) => {
    expect(request(body).segments).toMatchObject([{ role, text: 'x' }])
  })

  test.each([
    ['video, audio', [{ video: {} }, { audio: {} }], [[], 2]],
    ['an unknown block', [{ hologram: { text: 'x' } }, { poem: 'y' }], [['x'], 2]],
    ['two members in one block', [{ text: 'x', image: {} }], [['x'], 1]],
    ['a guarded image', [{ guardContent: { image: {} } }], [[], 1]],
    [
      'a document in a bucket',
      [{ document: { name: 'n', source: { s3Location: { uri: 's' } } } }],
      [['n'], 1],
    ],
    ['a document without a source', [{ document: { name: 'n' } }], [['n'], 1]],
    ['settings', [{ cachePoint: { type: 'default' } }, { toolAddition: { tool: { name: 'x' } } }], [[], 0]],
    ['null members', [{ text: null, image: null }], [[], 0]],
    ['an empty text', [{ text: '' }], [[], 0]],
    ['input that is a string', [{ toolUse: { input: 'x' } }], [['x'], 0]],
    ['input that is absent', [{ toolUse: {} }], [[], 0]],
    [
      'citations',
      [{ citationsContent: { content: [{ text: 'x' }], citations: [{ title: 't', source: 's' }] } }],
      [['x', 't', 's'], 0],
    ],
  ])('%s', (_, blocks, expected) => {
    expect(texts(...blocks)).toEqual(expected)
  })

  test.each([
    ['not JSON', encoder.encode('{'), 'not-json'],
    ['not UTF-8', Uint8Array.of(0xff), 'not-utf8'],
    ['a list', [], 'wrong-shape'],
    ['a key that stands twice', encoder.encode('{"messages":[],"messages":[]}'), 'wrong-shape'],
    ['messages that are a string', { messages: 'x' }, 'wrong-shape'],
    ['a message that is a string', { messages: ['x'] }, 'wrong-shape'],
    ['content that is a string', { messages: [{ role: 'user', content: 'x' }] }, 'wrong-shape'],
    ['a block that is a string', content('x'), 'wrong-shape'],
    ['a text that is an object', content({ text: { text: 'x' } }), 'wrong-shape'],
    ['a tool result that is a string', content({ toolResult: 'x' }), 'wrong-shape'],
    ["a tool result's content that is a string", content({ toolResult: { content: 'x' } }), 'wrong-shape'],
    ['a guarded text that is a string', content({ guardContent: { text: 'x' } }), 'wrong-shape'],
    ['a citation that is a string', content({ citationsContent: { citations: ['x'] } }), 'wrong-shape'],
    ['system that is a string', { system: 'x', messages: [] }, 'wrong-shape'],
    ['variables that are a list', { messages: [], promptVariables: [] }, 'wrong-shape'],
    ['a variable that is a string', { messages: [], promptVariables: { a: 'x' } }, 'wrong-shape'],
  ])('undecodable: %s', (_, body, reason) => {
    expect(decode(body)).toEqual({ kind: 'undecodable', reason })
  })
})
