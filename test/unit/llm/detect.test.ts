import { describe, expect, test } from 'vitest'
import { bedrockConverse } from '../../../src/llm/bedrock-converse/index.ts'
import { detectFormat, detectResponseFormat, normalisePath, placeOf } from '../../../src/llm/detect.ts'
import { formatNamed, formatTable } from '../../../src/llm/formats.ts'
import { geminiArray } from '../../../src/llm/gemini/index.ts'
import { ollamaChat } from '../../../src/llm/ollama-chat/index.ts'
import { ollamaGenerate } from '../../../src/llm/ollama-generate/index.ts'
import { openaiChat } from '../../../src/llm/openai-chat/index.ts'
import { openaiCompletions } from '../../../src/llm/openai-completions/index.ts'
import { responseShape } from '../../../src/llm/response-shape.ts'
import { wireFrame } from '../../support/bedrock.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('a path, normalised', () => {
  test.each([
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['/v1/chat/completions?api-version=1#x', '/v1/chat/completions'],
    ['/a#b?c', '/a'],
    ['/v1//chat/./x/../completions', '/v1/chat/completions'],
    ['/../../v1', '/v1'],
    ['/v1/%63hat%2Fcompletions', '/v1/chat/completions'],
    ['/v1/%2e%2E/a', '/a'],
    ['/%2563hat', '/%63hat'],
    ['/a%3Fb?c', '/a?b'],
    ['/caf%C3%A9', '/café'],
    ['/a%zz%4', '/a%zz%4'],
    ['/%ff%2Fchat', '/%ff/chat'],
    ['/V1/Chat', '/V1/Chat'],
    ['/v1/', '/v1/'],
    ['/v1/chat/..', '/v1/'],
    ['/v1/chat;a=b/completions;jsessionid=1', '/v1/chat/completions'],
    ['/v1/chat%3Ba/completions', '/v1/chat/completions'],
    ['/v1/x/..;y/chat', '/v1/chat'],
    ['/v1/;x/chat/;x', '/v1/chat/'],
    ['/v1\\chat%5Ccompletions', '/v1/chat/completions'],
    ['/v1/chat%00.json/completions', '/v1/chat/completions'],
    ['/v1/chat%0A/completions%0D%0a', '/v1/chat/completions'],
    ['/v1/chat%20/%09/completions%20', '/v1/chat/completions'],
    ['/a%20b', '/a b'],
    ['/..', '/'],
    ['/', '/'],
    ['', '/'],
  ])('%s → %s', (raw, path) => {
    expect(normalisePath(raw)).toBe(path)
  })
})

describe('the format that a path claims', () => {
  test.each([
    '/v1/chat/completions',
    '/v1/chat/completions/',
    '/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21',
    '/api/v1/chat/completions',
    '/chat/completions',
    '/v1/./chat//completions',
    '/v1/%63hat/completions',
    '/openai/deployments/x/Chat/Completions',
    '/v1/chat/completions;jsessionid=1',
    '/v1/chat/completions%0A',
    '/v1%5Cchat%5Ccompletions',
  ])('%s is chat', raw => {
    expect(detectFormat(placeOf(raw))).toBe(openaiChat)
  })

  test.each([
    '/v1/chat/completions/chatcmpl-1/messages',
    '/v1/chat/completionsx',
    '/v1/models?next=/chat/completions',
    '/',
  ])('%s is not', raw => {
    expect(detectFormat(placeOf(raw))).toBe(undefined)
  })
})

test('every path of the table is claimed by a format that a config can name', () => {
  const paths = [...formatTable().matchAll(/`…([^`]+)`/g)].map(([, path]) =>
    path!.replace(/\{\w+\}/g, 'anthropic.claude-3'),
  )
  expect(paths.length).toBeGreaterThan(20)
  const nameless = paths.filter(path => {
    const format = detectFormat(placeOf(path))
    return format === undefined || formatNamed(format.name) !== format
  })
  expect(nameless, 'their formats are to stand in FORMATS of src/llm/formats.ts').toEqual([])
})

test.each([
  ['/v1/messages', 'anthropic-messages'],
  ['/anthropic/v1/messages/?beta=true', 'anthropic-messages'],
  ['/v1/messages/count_tokens', 'anthropic-token-count'],
  ['/v1/messages/batches', 'anthropic-batches'],
  ['/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict', 'anthropic-messages'],
  ['/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict', 'anthropic-token-count'],
  ['/v1/responses', 'openai-responses'],
  ['/openai/v1/responses/?api-version=preview', 'openai-responses'],
  ['/v1/responses/compact', 'openai-responses-compact'],
  ['/v1/responses/input_tokens', 'openai-responses-token-count'],
  ['/v1/responses/resp_1', undefined],
  ['/v1beta/models/gemini-2.5-flash:generateContent', 'gemini'],
  ['/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse', 'gemini-sse'],
  ['/v1beta/models/gemini-2.5-flash:streamGenerateContent', 'gemini-array'],
  ['/v1/projects/p/locations/l/publishers/google/models/g:countTokens', 'gemini-token-count'],
  ['/v1beta/models/g:batchEmbedContents', 'gemini-embed'],
  ['/v1beta/dynamic/d:generateContent', 'gemini'],
  ['/v1beta/dynamic/d:streamGenerateContent', 'gemini-array'],
  ['/v1beta/models/g%0Ax:generateContent', 'gemini'],
  ['/v1/projects/p/locations/l/publishers/Anthropic/models/claude:RawPredict', 'anthropic-messages'],
  ['/Model/x/Converse', 'bedrock-converse'],
  ['/model/x%0Ay/converse-stream', 'bedrock-converse-stream'],
  ['/MCP', 'mcp'],
  ['/tools/mcp', 'mcp'],
  ['/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse', 'bedrock-converse'],
  ['/model/x/converse-stream', 'bedrock-converse-stream'],
  ['/model/us.anthropic.claude-sonnet-4-20250514-v1:0/invoke', 'bedrock-invoke/anthropic-messages'],
  [
    '/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fmeta.llama3-8b-instruct-v1%3A0/invoke-with-response-stream',
    'bedrock-invoke-stream/llama-text',
  ],
  ['/model/stability.sd3/invoke', undefined],
  ['/v1/completions', 'openai-completions'],
  ['/v1/embeddings', 'embeddings'],
  ['/api/embeddings', undefined],
  ['/v2/rerank', 'rerank'],
  ['/v1/moderations', 'moderations'],
  ['/v1/images/generations', 'openai-images'],
  ['/v1/images/edits', 'openai-images'],
  ['/v1/audio/speech', 'openai-audio-speech'],
  ['/v1/audio/translations', 'openai-audio-transcription'],
  ['/v2/chat', 'cohere-chat'],
  ['/api/chat', 'ollama-chat'],
  ['/api/generate', 'ollama-generate'],
  ['/v1/threads/thread_1/messages', undefined],
])('%s is spoken to in %s', (raw, name) => {
  expect(detectFormat(placeOf(raw))?.name).toBe(name)
})

describe('a path of the operator', () => {
  const own = [{ path: '/gw/', format: openaiChat }]
  test('claims all below it, before the paths of the APIs', () => {
    expect(detectFormat(placeOf('/gw/anything?x=1'), own)).toBe(openaiChat)
    expect(detectFormat(placeOf('/other'), own)).toBeUndefined()
  })
})

test('a place has its query apart', () => {
  expect(placeOf('/v1//x?alt=sse&k=a%20b#frag')).toEqual({ path: '/v1/x', query: 'alt=sse&k=a%20b' })
  expect(placeOf('/v1/x')).toEqual({ path: '/v1/x', query: '' })
})

describe('the shape of a response', () => {
  test.each([
    ['application/json', 'data: x', 'json'],
    ['Application/JSON; charset="UTF-8"', '', 'json'],
    ['application/problem+json', '', 'json'],
    ['text/event-stream;charset=utf-8', '{', 'event-stream'],
    ['TEXT/EVENT-STREAM', '', 'event-stream'],
    ['application/json; charset=us-ascii', '', 'json'],
    ['application/json; charset=utf-16', '{', 'unknown-encoding'],
    ['text/event-stream; charset=latin1', '', 'unknown-encoding'],
    ['text/event-stream; charset=utf-8; charset=latin1', '', 'unknown-encoding'],
    ['text/plain; charset=utf-7', '{', 'unknown-encoding'],
    ['application/jsonl', '<', 'unknown'],
    ['text/plain', '{"a":1}', 'json'],
    ['image/png; charset=x', '\x89PNG', 'unknown'],
    [undefined, '{', 'json'],
    [undefined, ' \r\n\t[', 'json'],
    [undefined, '\uFEFF{', 'json'],
    [undefined, '\uFEFFdata: x', 'event-stream'],
    [undefined, ': ping', 'event-stream'],
    [undefined, '\n\nevent: x', 'event-stream'],
    [undefined, 'id:', 'event-stream'],
    [undefined, 'retry: 1', 'event-stream'],
    [undefined, '', 'more'],
    [undefined, '  ', 'more'],
    [undefined, 'dat', 'more'],
    [undefined, 'retry', 'more'],
    [undefined, 'date', 'unknown'],
    [undefined, 'retries', 'unknown'],
    [undefined, 'Hello', 'unknown'],
    [undefined, ' '.repeat(4096), 'json'],
    ['text/plain', 'eve', 'more'],
  ] as const)('%s with %j is %s', (contentType, text, shape) => {
    expect(responseShape(contentType, bytes(text))).toBe(shape)
  })

  test('a cut byte order mark', () => {
    expect(responseShape(undefined, new Uint8Array([0xef, 0xbb]))).toBe('more')
    expect(responseShape(undefined, new Uint8Array([0xef, 0x41]))).toBe('unknown')
  })
})

describe('the format of a response whose request was never seen', () => {
  const completion = '{"object":"chat.completion","choices":[]}'
  const chunk = 'data: {"object":"chat.completion.chunk","choices":[]}\n\n'
  const chat = (shape: string) => ({ kind: 'format', format: openaiChat, shape })

  test.each([
    ['JSON is told when it is whole', 'application/json', completion, 'whole', chat('json')],
    ['and not before', 'application/json', completion, 'prefix', { kind: 'more' }],
    ['by its first byte', undefined, completion, 'whole', chat('json')],
    ['JSON of another kind', 'application/json', '{"object":"list","data":[]}', 'whole', { kind: 'none' }],
    [
      'legacy completions',
      'application/json',
      '{"object":"text_completion","choices":[]}',
      'whole',
      { kind: 'format', format: openaiCompletions, shape: 'json' },
    ],
    ['broken JSON', 'application/json', '{"choices":[', 'whole', { kind: 'undecodable' }],
    ['a stream by its first data', 'text/event-stream', chunk, 'prefix', chat('event-stream')],
    ['behind comments', 'text/event-stream', `: wait\n\n${chunk}`, 'prefix', chat('event-stream')],
    [
      'behind an event without data',
      undefined,
      `event: ping\n\ndata:\n\n${chunk}`,
      'prefix',
      chat('event-stream'),
    ],
    [
      'without an object name',
      undefined,
      'data: {"choices":[],"object":""}\n\n',
      'prefix',
      chat('event-stream'),
    ],
    ['comments so far', 'text/event-stream', ': wait\n\n', 'prefix', { kind: 'more' }],
    ['comments only', 'text/event-stream', ': wait\n\n', 'whole', { kind: 'none' }],
    ['half an event', 'text/event-stream', chunk.slice(0, 20), 'prefix', { kind: 'more' }],
    [
      'the last event without its blank line',
      'text/event-stream',
      chunk.trim(),
      'whole',
      chat('event-stream'),
    ],
    ['another API', 'text/event-stream', 'data: {"type":"message_start"}\n\n', 'prefix', { kind: 'none' }],
    [
      'JSON labelled as a stream',
      'text/event-stream',
      `${completion}\n\n`,
      'prefix',
      { kind: 'undecodable' },
    ],
    ['nothing yet', undefined, '', 'prefix', { kind: 'more' }],
    ['nothing at all', undefined, '', 'whole', { kind: 'none' }],
    ['an unread charset', 'application/json; charset=utf-16', completion, 'whole', { kind: 'undecodable' }],
    ['something else', 'image/png', '\x89PNG', 'prefix', { kind: 'none' }],
    ['too long a prologue', 'text/event-stream', `:${'x'.repeat(70_000)}`, 'prefix', { kind: 'none' }],
  ] as const)('%s', (_, contentType, text, extent, detection) => {
    expect(detectResponseFormat(contentType, bytes(text), extent)).toEqual(detection)
  })
})

describe('a stream that is not SSE, whose request was never seen', () => {
  const line =
    '{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"x"},"done":false}\n'
  const generated = '{"model":"m","created_at":"2026-01-01T00:00:00Z","response":"x","done":false}\n'
  const part = '[{"candidates":[{"content":{"role":"model","parts":[{"text":"x"}]},"index":0}]}'
  test.each([
    ['a line of a chat', 'application/x-ndjson', line, ollamaChat],
    ['a line of a completion', 'application/x-ndjson', generated, ollamaGenerate],
    ['the first element of an array', 'application/json', part, geminiArray],
  ] as const)('%s tells', (_, contentType, text, format) => {
    expect(detectResponseFormat(contentType, bytes(text), 'prefix')).toEqual({
      kind: 'format',
      format,
      shape: 'event-stream',
    })
  })

  test('half a line does not, and one of no API is a fault', () => {
    expect(detectResponseFormat('application/x-ndjson', bytes(line.slice(0, 20)), 'prefix')).toEqual({
      kind: 'more',
    })
    expect(detectResponseFormat('application/x-ndjson', bytes('{"a":\n'), 'prefix')).toEqual({
      kind: 'undecodable',
    })
  })

  test('a frame of an AWS event stream tells', () => {
    const frame = wireFrame({
      event: 'contentBlockDelta',
      payload: { contentBlockIndex: 0, delta: { text: 'x' } },
    })
    const found = detectResponseFormat('application/vnd.amazon.eventstream', frame, 'prefix')
    // Whole answers and streams of the API are read alike.
    expect(found).toEqual({ kind: 'format', format: bedrockConverse, shape: 'event-stream' })
  })
})
