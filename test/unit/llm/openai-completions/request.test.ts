import { describe, expect, test } from 'vitest'
import { openaiCompletions } from '../../../../src/llm/openai-completions/index.ts'
import { bytesOf, jsonBytes, readRequest, value } from '../openai-given.ts'

const request = (body: unknown) => value(openaiCompletions.decodeRequest(jsonBytes(body)))
const read = (body: unknown) => readRequest(openaiCompletions, jsonBytes(body))

describe('texts', () => {
  test.each([
    ['a prompt', { prompt: 'a' }, [['user', 'a', ['prompt']]], 0],
    [
      'a prompt and what follows it',
      { prompt: 'a', suffix: 'b' },
      [
        ['user', 'a', ['prompt']],
        ['user', 'b', ['suffix']],
      ],
      0,
    ],
    [
      'prompts',
      { prompt: ['a', '', 'c'] },
      [
        ['user', 'a', ['prompt', 0]],
        ['user', 'c', ['prompt', 2]],
      ],
      0,
    ],
    ['token ids', { prompt: [1, 2] }, [], 1],
    ['token ids of several prompts', { prompt: [[1], [2, 3]] }, [], 2],
    ['both', { prompt: ['a', [1]] }, [['user', 'a', ['prompt', 0]]], 1],
    ['token ids and a suffix', { prompt: [1], suffix: 'b' }, [['user', 'b', ['suffix']]], 1],
    ['no prompt', {}, [], 0],
    ['null', { prompt: null, suffix: null, n: null, stream: null }, [], 0],
    ['tensors', { prompt_embeds: 'AAAA' }, [], 1],
  ])('%s', (_, body, texts, uninspectable) => {
    expect(read(body)).toEqual({ texts, uninspectable })
  })

  test('each prompt is a message of its own, the suffix one more', () => {
    const { segments } = request({ prompt: ['a', 'b'], suffix: 'c' })
    expect(segments.map(({ message, kind }) => [message, kind])).toEqual([
      [0, 'content'],
      [1, 'content'],
      [2, 'content'],
    ])
  })
})

describe('choices', () => {
  test.each([
    [{ prompt: 'a' }, 1],
    [{ prompt: 'a', n: 3 }, 3],
    [{ prompt: ['a', 'b'], n: 3 }, 6],
    [{ prompt: [1, 2, 3] }, 1],
    [{ prompt: [[1], [2]], n: 2 }, 4],
    [{ prompt: 'a', best_of: 4, echo: true }, 1],
    [{ prompt: Array(100).fill('a'), n: 128 }, 128],
    [{}, 1],
  ])('%j', (body, choices) => {
    expect(request(body).choices).toBe(choices)
  })
})

test('what shapes a refusal', () => {
  expect(
    request({
      model: 'gpt-3.5-turbo-instruct',
      prompt: 'a',
      stream: true,
      stream_options: { include_usage: true },
      response_format: { type: 'json_schema' },
    }),
  ).toMatchObject({
    model: 'gpt-3.5-turbo-instruct',
    streams: true,
    streamUsage: true,
    structuredOutput: true,
  })
  expect(request({ prompt: 'a' }).streams).toBeUndefined()
  expect(request({ prompt: 'a', stream: null }).streams).toBe(false)
})

describe('undecodable', () => {
  test.each([
    ['no object', [], 'wrong-shape'],
    ['a prompt of an object', { prompt: { text: 'a' } }, 'wrong-shape'],
    ['a prompt of a number', { prompt: 7 }, 'wrong-shape'],
    ['a list of texts and numbers', { prompt: ['a', 7] }, 'wrong-shape'],
    ['a list of lists of texts', { prompt: [['a']] }, 'wrong-shape'],
    ['a suffix of a list', { prompt: 'a', suffix: ['b'] }, 'wrong-shape'],
    ['stream of a text', { prompt: 'a', stream: 'true' }, 'wrong-shape'],
    ['too many answers', { prompt: 'a', n: 129 }, 'wrong-shape'],
    ['no answers', { prompt: 'a', n: 0 }, 'wrong-shape'],
  ])('%s', (_, body, reason) => {
    expect(read(body)).toBe(reason)
  })

  test('what readers read differently', () => {
    expect(readRequest(openaiCompletions, bytesOf('{"prompt":"a","prompt":"b"}'))).toBe('wrong-shape')
    expect(readRequest(openaiCompletions, bytesOf('{"prompt":"a","Prompt":"b"}'))).toBe('wrong-shape')
  })

  test('no JSON', () => {
    expect(readRequest(openaiCompletions, bytesOf('prompt=a'))).toBe('not-json')
  })
})
