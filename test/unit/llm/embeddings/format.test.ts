import { describe, expect, test } from 'vitest'
import { embeddings } from '../../../../src/llm/embeddings/index.ts'
import {
  bytesOf,
  jsonBytes,
  MESSAGE,
  partsOf,
  readAnswer,
  readFixture,
  readRequest,
  refusal,
  textOf,
  value,
} from '../openai-given.ts'

describe('a request', () => {
  test.each([
    ['a text', { input: 'a' }, [['user', 'a', ['input']]], 0],
    [
      'texts',
      { input: ['a', 'b'] },
      [
        ['user', 'a', ['input', 0]],
        ['user', 'b', ['input', 1]],
      ],
      0,
    ],
    ['token ids', { input: [1, 2] }, [], 1],
    ['token ids of several texts', { input: [[1], [2]] }, [], 2],
    ['nothing in a list', { input: [] }, [], 0],
    [
      'texts as objects',
      { input: [{ text: 'a' }, { image: 'x' }] },
      [['user', 'a', ['input', 0, 'text']]],
      1,
    ],
    [
      'an unknown type with a text',
      { input: [{ type: 'caption', text: 'a' }] },
      [['user', 'a', ['input', 0, 'text']]],
      1,
    ],
    [
      'contents of parts',
      {
        inputs: [
          {
            content: [
              { type: 'text', text: 'a' },
              { type: 'image_url', image_url: 'x' },
            ],
          },
        ],
      },
      [['user', 'a', ['inputs', 0, 'content', 0, 'text']]],
      1,
    ],
    [
      'a chat beside the input',
      { input: 'a', messages: [{ role: 'user', content: 'b' }] },
      [
        ['user', 'a', ['input']],
        ['user', 'b', ['messages', 0, 'content']],
      ],
      0,
    ],
    [
      'pairs of texts',
      { input: [['a', 'b']] },
      [
        ['user', 'a', ['input', 0, 0]],
        ['user', 'b', ['input', 0, 1]],
      ],
      0,
    ],
  ])('%s', (_, body, texts, uninspectable) => {
    expect(readRequest(embeddings, jsonBytes(body))).toEqual({ texts, uninspectable })
  })

  test('its model', () => {
    expect(value(embeddings.decodeRequest(jsonBytes({ model: 'm', input: 'a' })))).toMatchObject({
      model: 'm',
      streams: false,
      choices: 1,
    })
  })

  test.each([
    ['no input', { model: 'm' }],
    ['an input of a number', { input: 7 }],
    ['texts and numbers', { input: ['a', 7] }],
    ['a text of a number', { input: [{ text: 'a' }, true] }],
    ['a list', ['a']],
  ])('undecodable: %s', (_, body) => {
    expect(readRequest(embeddings, jsonBytes(body))).toBe('wrong-shape')
  })

  test('redacted', () => {
    const body = bytesOf('{"input": ["a", "b"] }')
    expect(textOf(embeddings.rewrite(body, [{ path: ['input', 1], text: 'c' }]))).toBe(
      '{"input": ["a", "c"] }',
    )
  })
})

describe('an answer', () => {
  test('of vectors', () => {
    const body = readFixture('embeddings/response.json')
    expect(readAnswer(embeddings, body)).toEqual({ texts: [], uninspectable: 0 })
    expect(embeddings.claimsResponse(JSON.parse(textOf(body)))).toBe(true)
  })

  test.each([
    [{ data: [] }, { texts: [], uninspectable: 0 }, false],
    [{ data: [{ text: 'a' }] }, 'wrong-shape', false],
    [{ choices: [] }, 'wrong-shape', false],
    [[], 'wrong-shape', false],
  ])('%j', (body, read, claimed) => {
    expect(readAnswer(embeddings, jsonBytes(body))).toEqual(read)
    expect(embeddings.claimsResponse(body)).toBe(claimed)
  })

  test('that is no JSON, or comes in events', () => {
    expect(readAnswer(embeddings, bytesOf('vectors'))).toBe('not-json')
    expect(partsOf(embeddings, 'data: {"data":[]}\n\n')).toEqual([
      { kind: 'undecodable', reason: 'wrong-shape' },
    ])
  })
})

test('a denial is an error, in a stream as well', () => {
  expect(embeddings.refusal()).toBeUndefined()
  const error = { message: MESSAGE, type: 'invalid_request_error', param: null, code: 'content_filter' }
  expect(textOf(embeddings.streamRefusal(refusal(), embeddings.openPosition()))).toBe(
    `event: error\ndata: ${JSON.stringify({ error })}\n\n`,
  )
  expect(() => embeddings.streamRefusal(refusal(), { released: () => {} })).toThrow('another format')
})
