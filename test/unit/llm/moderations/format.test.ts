import { describe, expect, test } from 'vitest'
import { moderations } from '../../../../src/llm/moderations/index.ts'
import { bytesOf, jsonBytes, readAnswer, readFixture, readRequest, textOf } from '../openai-given.ts'

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
    [
      'parts',
      {
        input: [
          { type: 'text', text: 'a' },
          { type: 'image_url', image_url: { url: 'x' } },
        ],
      },
      [['user', 'a', ['input', 0, 'text']]],
      1,
    ],
  ])('%s', (_, body, texts, uninspectable) => {
    expect(readRequest(moderations, jsonBytes(body))).toEqual({ texts, uninspectable })
  })

  test.each([[{}], [{ input: null }], [{ input: 7 }], [['a']]])('undecodable: %j', body => {
    expect(readRequest(moderations, jsonBytes(body))).toBe('wrong-shape')
  })
})

describe('an answer', () => {
  test('of judgements', () => {
    const body = readFixture('moderations/response.json')
    expect(readAnswer(moderations, body)).toEqual({ texts: [], uninspectable: 0 })
    expect(moderations.claimsResponse(JSON.parse(textOf(body)))).toBe(true)
  })

  test.each([
    [{ results: [{ text: 'a' }] }, 'wrong-shape'],
    [{ results: [{ index: 0, relevance_score: 1 }] }, 'wrong-shape'],
    [{}, 'wrong-shape'],
  ])('%j', (body, reason) => {
    expect(readAnswer(moderations, jsonBytes(body))).toBe(reason)
    expect(moderations.claimsResponse(body)).toBe(false)
  })

  test('that is no JSON', () => {
    expect(readAnswer(moderations, bytesOf('fine'))).toBe('not-json')
  })
})

test('there is no answer that says no', () => {
  expect(moderations.refusal()).toBeUndefined()
})
