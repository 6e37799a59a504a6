import { describe, expect, test } from 'vitest'
import { rerank } from '../../../../src/llm/rerank/index.ts'
import {
  bytesOf,
  ID,
  jsonBytes,
  MESSAGE,
  readAnswer,
  readFixture,
  readRequest,
  textOf,
  value,
} from '../openai-given.ts'

describe('a request', () => {
  test.each([
    [
      'documents of either sort',
      { query: 'q', documents: ['a', { text: 'b' }] },
      [
        ['user', 'q', ['query']],
        ['tool', 'a', ['documents', 0]],
        ['tool', 'b', ['documents', 1, 'text']],
      ],
      0,
    ],
    [
      'documents of several fields',
      { query: 'q', documents: [{ title: 'a', body: { text: 'b' }, year: 7 }] },
      [
        ['user', 'q', ['query']],
        ['tool', 'a', ['documents', 0, 'title']],
        ['tool', 'b', ['documents', 0, 'body', 'text']],
      ],
      0,
    ],
    [
      'pictures',
      { query: { image: 'x' }, documents: [{ image: 'x' }, { text: 'a', image_url: 'x' }] },
      [['tool', 'a', ['documents', 1, 'text']]],
      3,
    ],
    [
      'texts',
      { query: 'q', texts: ['a'] },
      [
        ['user', 'q', ['query']],
        ['tool', 'a', ['texts', 0]],
      ],
      0,
    ],
  ])('%s', (_, body, texts, uninspectable) => {
    expect(readRequest(rerank, jsonBytes(body))).toEqual({ texts, uninspectable })
  })

  test('each document is a message of its own', () => {
    const body = jsonBytes({ model: 'm', query: 'q', documents: ['a', { x: 'b', y: 'c' }], texts: ['d'] })
    const request = value(rerank.decodeRequest(body))
    expect(request.model).toBe('m')
    expect(request.segments.map(({ message, kind, text }) => [message, kind, text])).toEqual([
      [0, 'content', 'q'],
      [1, 'tool-result', 'a'],
      [2, 'tool-result', 'b'],
      [2, 'tool-result', 'c'],
      [3, 'tool-result', 'd'],
    ])
  })

  test.each([
    ['no query', { documents: ['a'] }],
    ['no documents', { query: 'q' }],
    ['documents of a text', { query: 'q', documents: 'a' }],
    ['a document of a number', { query: 'q', documents: ['a', 7] }],
    ['a list', ['q']],
  ])('undecodable: %s', (_, body) => {
    expect(readRequest(rerank, jsonBytes(body))).toBe('wrong-shape')
  })

  test('redacted', () => {
    const body = bytesOf('{"query":"q", "documents":[{"text":"a"}]}')
    expect(textOf(rerank.rewrite(body, [{ path: ['documents', 0, 'text'], text: 'b' }]))).toBe(
      '{"query":"q", "documents":[{"text":"b"}]}',
    )
  })
})

describe('an answer', () => {
  test.each([
    ['response.json', []],
    [
      'response-documents.json',
      [
        ['Carson City is the capital.', ['results', 0, 'document', 'text']],
        ['Nevada', ['results', 0, 'document', 'title']],
        ['Call 555-0100.', ['results', 1, 'document', 'text']],
      ],
    ],
  ])('%s', (name, texts) => {
    const body = readFixture(`rerank/${name}`)
    expect(readAnswer(rerank, body)).toEqual({ texts, uninspectable: 0 })
    expect(rerank.claimsResponse(JSON.parse(textOf(body)))).toBe(true)
  })

  test.each([
    [
      { data: [{ index: 0, relevance_score: 1, document: 'a' }] },
      { texts: [['a', ['data', 0, 'document']]], uninspectable: 0 },
    ],
    [[{ index: 0, score: 1, text: 'a' }], { texts: [['a', [0, 'text']]], uninspectable: 0 }],
    [
      { results: [{ index: 0, relevance_score: 1, document: { text: 'a', image: 'x' } }] },
      { texts: [['a', ['results', 0, 'document', 'text']]], uninspectable: 1 },
    ],
    [{ results: [] }, { texts: [], uninspectable: 0 }],
    [{ results: [{ text: 'a' }] }, 'wrong-shape'],
    [{ results: [{ relevance_score: 1 }, 'a'] }, 'wrong-shape'],
    [{}, 'wrong-shape'],
  ])('%j', (body, expected) => {
    expect(readAnswer(rerank, jsonBytes(body))).toEqual(expected)
  })

  test.each([[{ results: [] }], [[{ score: 1 }]], [{ data: [{ score: 1 }] }], ['a']])(
    'not claimed: %j',
    body => {
      expect(rerank.claimsResponse(body)).toBe(false)
    },
  )

  test('redacted in a bare list', () => {
    const body = bytesOf('[{"score":1,"text":"a"}]')
    expect(textOf(rerank.rewrite(body, [{ path: [0, 'text'], text: 'b' }]))).toBe('[{"score":1,"text":"b"}]')
  })
})

test('a denial is an error in the words of Cohere', () => {
  expect(rerank.refusal()).toBeUndefined()
  const error = { status: 403, message: MESSAGE, code: 'content_filter' } as const
  const reply = rerank.error(error, { id: ID, request: undefined })
  expect(reply.contentType).toBe('application/json')
  expect(JSON.parse(textOf(reply.body))).toEqual({ id: ID, message: MESSAGE })
})
