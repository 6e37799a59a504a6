import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { LlmFormat } from '../../../../src/llm/format.ts'
import {
  gemini,
  geminiArray,
  geminiEmbed,
  geminiSse,
  geminiTokenCount,
} from '../../../../src/llm/gemini/index.ts'

const fixture = readFileSync(new URL('../../../fixtures/gemini/response.json', import.meta.url))
const wrongShape = { kind: 'undecodable', reason: 'wrong-shape' }

function decode(body: unknown, format: LlmFormat = gemini) {
  return format.decodeResponse(new TextEncoder().encode(JSON.stringify(body)))
}

function readCandidate(candidate: unknown) {
  const decoded = decode({ candidates: [candidate] })
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  const { segments, uninspectable } = decoded.value
  return { texts: segments.map(({ kind, text }) => [kind, text]), uninspectable }
}

test('an answer of two candidates', () => {
  const first = { message: 0, role: 'assistant' }
  expect(gemini.decodeResponse(fixture)).toEqual({
    kind: 'ok',
    value: {
      uninspectable: 0,
      segments: [
        {
          ...first,
          kind: 'reasoning',
          text: 'Two numbers.',
          path: ['candidates', 0, 'content', 'parts', 0, 'text'],
        },
        {
          ...first,
          kind: 'content',
          text: 'Call 555-0100.',
          path: ['candidates', 0, 'content', 'parts', 1, 'text'],
        },
        {
          ...first,
          kind: 'content',
          text: 'https://example.com/phones',
          path: ['candidates', 0, 'citationMetadata', 'citationSources', 0, 'uri'],
        },
        {
          message: 1,
          role: 'assistant',
          kind: 'tool-call',
          text: 'phone',
          path: ['candidates', 1, 'content', 'parts', 0, 'functionCall', 'args', 'q'],
        },
      ],
    },
  })
})

describe('texts and what cannot be read', () => {
  const withPart = (part: unknown) => readCandidate({ content: { role: 'model', parts: [part] } })

  test.each([
    ['text', { text: 'x' }, [['content', 'x']], 0],
    ['a thought', { text: 'x', thought: true }, [['reasoning', 'x']], 0],
    ['code', { executableCode: { code: 'x' } }, [['tool-call', 'x']], 0],
    ['what it printed', { codeExecutionResult: { output: 'x' } }, [['tool-result', 'x']], 0],
    ['a call', { functionCall: { args: { a: ['x'] } } }, [['tool-call', 'x']], 0],
    ['a transcript', { audioTranscription: { text: 'x' } }, [['content', 'x']], 0],
    ['a picture', { inlineData: { mimeType: 'image/png', data: 'AA==' } }, [], 1],
    ['an unknown part', { hologram: 1 }, [], 1],
    ['text of a number', { text: 7 }, [], 1],
    ['a part of a number', 7, [], 1],
  ])('%s', (_, part, texts, uninspectable) => {
    expect(withPart(part)).toEqual({ texts, uninspectable })
  })

  test.each([
    ['no content', { finishReason: 'SAFETY' }, [], 0],
    ['content without parts', { content: {}, finishReason: 'MAX_TOKENS' }, [], 0],
    ['content that is a string', { content: 'x' }, [], 1],
    [
      'a call that failed, spelt out',
      { finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: 'print(x)' },
      [['content', 'print(x)']],
      0,
    ],
    [
      'sources, queries and quotes',
      {
        groundingMetadata: {
          webSearchQueries: ['q'],
          searchEntryPoint: { renderedContent: '<b>q</b>' },
          groundingChunks: [{ web: { uri: 'u', title: 't' } }],
          groundingSupports: [{ segment: { endIndex: 3, text: 'abc' } }],
        },
        urlContextMetadata: { urlMetadata: [{ retrievedUrl: 'r' }] },
        groundingAttributions: [{ content: { parts: [{ text: 'a' }] } }],
      },
      ['q', '<b>q</b>', 'u', 't', 'abc', 'a', 'r'].map(text => ['content', text]),
      0,
    ],
  ])('%s', (_, candidate, texts, uninspectable) => {
    expect(readCandidate(candidate)).toEqual({ texts, uninspectable })
  })

  test('why a prompt was blocked', () => {
    const decoded = decode({ promptFeedback: { blockReason: 'SAFETY', blockReasonMessage: 'x' } })
    expect(decoded).toMatchObject({
      value: { segments: [{ message: 0, text: 'x', path: ['promptFeedback', 'blockReasonMessage'] }] },
    })
  })
})

describe('the index of a candidate', () => {
  const messages = (...indexes: unknown[]) => {
    const candidates = indexes.map(index => ({ index, content: { parts: [{ text: 'x' }] } }))
    const decoded = decode({ candidates })
    return decoded.kind === 'ok' ? decoded.value.segments.map(({ message }) => message) : decoded.reason
  }
  test.each([
    [
      [0, 1],
      [0, 1],
    ],
    [
      [1, 0],
      [1, 0],
    ],
    [
      [undefined, 1],
      [0, 1],
    ],
    [
      [1, undefined],
      [1, 0],
    ],
    [
      [null, null],
      [0, 1],
    ],
    [
      [undefined, 0],
      [1, 0],
    ],
    [[127], [127]],
    [[0, 0], 'wrong-shape'],
    [[128], 'wrong-shape'],
    [[-1], 'wrong-shape'],
    [[0.5], 'wrong-shape'],
    [['0'], 'wrong-shape'],
  ])('%j', (indexes, expected) => {
    expect(messages(...indexes)).toEqual(expected)
  })
})

test.each([
  ['nothing', {}],
  ['an error', { error: { code: 400 } }],
  ['candidates as an object', { candidates: {} }],
  ['a candidate that is null', { candidates: [null] }],
  ['a candidate that is a string', { candidates: ['x'] }],
  ['another API', { choices: [{ message: { content: 'x' } }] }],
  ['a list, which is a stream', [{ candidates: [] }]],
  ['a string', 'x'],
])('wrong shape: %s', (_, body) => {
  expect(decode(body)).toEqual(wrongShape)
})

test('an answer that is cut is not JSON', () => {
  expect(gemini.decodeResponse(fixture.subarray(0, -10))).toEqual({ kind: 'undecodable', reason: 'not-json' })
})

describe.each([geminiTokenCount, geminiEmbed])('an answer without text: $name', format => {
  test('has none', () => {
    const none = { kind: 'ok', value: { segments: [], uninspectable: 0 } }
    expect(decode({ totalTokens: 7 }, format)).toEqual(none)
    expect(decode({ embedding: { values: [0.5] } }, format)).toEqual(none)
  })

  test.each([[[]], ['x'], [{ candidates: [] }]])('wrong shape: %j', body => {
    expect(decode(body, format)).toEqual(wrongShape)
  })

  test('not JSON', () => {
    expect(format.decodeResponse(new TextEncoder().encode('x'))).toEqual({
      kind: 'undecodable',
      reason: 'not-json',
    })
  })
})

describe('claims', () => {
  const answer = { candidates: [{ content: { parts: [] } }] }
  test.each([
    ['an answer', answer, ['gemini', 'gemini-sse']],
    ['a candidate that was stopped', { candidates: [{ finishReason: 'SAFETY' }] }, ['gemini', 'gemini-sse']],
    ['no candidates', { promptFeedback: { blockReason: 'OTHER' } }, ['gemini', 'gemini-sse']],
    ['usage alone', { usageMetadata: {}, modelVersion: 'm' }, ['gemini', 'gemini-sse']],
    ['a list of answers', [answer, answer], ['gemini-array']],
    ['a list of something else', [answer, {}], []],
    ['an empty list', [], []],
    ['a token count', { totalTokens: 7, promptTokensDetails: [] }, ['gemini-token-count']],
    ['an embedding', { embedding: { values: [1] } }, ['gemini-embed']],
    ['embeddings', { embeddings: [{ values: [1] }] }, ['gemini-embed']],
    ['embeddings of others', { embeddings: [[1, 2]] }, []],
    ['an embedding of others', { embedding: [1, 2] }, []],
    ['no embeddings', { embeddings: [] }, []],
    ['candidates of others', { candidates: [{ output: 'x' }] }, []],
    ['a chat completion', { object: 'chat.completion', choices: [], usage: {} }, []],
    ['a message', { type: 'message', content: [], usage: {} }, []],
    ['an error', { error: { code: 400, message: 'x', status: 'INVALID_ARGUMENT' } }, []],
    ['null', null, []],
    ['a string', 'x', []],
  ])('%s', (_, value, names) => {
    const formats: readonly LlmFormat[] = [gemini, geminiSse, geminiArray, geminiTokenCount, geminiEmbed]
    expect(formats.filter(format => format.claimsResponse(value)).map(({ name }) => name)).toEqual(names)
  })
})
