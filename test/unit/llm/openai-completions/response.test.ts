import { describe, expect, test } from 'vitest'
import { openaiCompletions } from '../../../../src/llm/openai-completions/index.ts'
import { bytesOf, jsonBytes, readAnswer, readFixture, textOf } from '../openai-given.ts'

const fixture = readFixture('openai-completions/response.json')
const read = (body: unknown) => readAnswer(openaiCompletions, jsonBytes(body))

test('an answer of two choices', () => {
  const decoded = openaiCompletions.decodeResponse(fixture)
  const common = { role: 'assistant', kind: 'content' }
  expect(decoded).toEqual({
    kind: 'ok',
    value: {
      uninspectable: 0,
      segments: [
        { ...common, message: 0, text: 'Call 555-0100.', path: ['choices', 0, 'text'] },
        { ...common, message: 1, text: 'Say "hi"', path: ['choices', 1, 'text'] },
      ],
    },
  })
})

describe('texts', () => {
  test.each([
    ['nothing said', { text: '' }, [], 0],
    ['an odd text', { text: ['a'], message: null }, [], 1],
    ['a chat message', { message: { content: 'a' } }, [['a', ['choices', 0, 'message', 'content']]], 0],
    [
      'both',
      { text: 'a', message: { content: 'b' } },
      [
        ['a', ['choices', 0, 'text']],
        ['b', ['choices', 0, 'message', 'content']],
      ],
      0,
    ],
    ['a message without content', { message: { content: null } }, [], 0],
  ])('%s', (_, choice, texts, uninspectable) => {
    expect(read({ choices: [choice] })).toEqual({ texts, uninspectable })
  })

  test.each([
    ['no choices', {}],
    ['an error', { error: { message: 'x' } }],
    ['choices of texts', { choices: ['a'] }],
    ['a choice without any text', { choices: [{ content: 'a' }] }],
    ['a list', []],
  ])('undecodable: %s', (_, body) => {
    expect(read(body)).toBe('wrong-shape')
  })
})

describe('claimed', () => {
  test.each([
    [JSON.parse(textOf(fixture)), true],
    [{ object: 'chat.completion', choices: [] }, false],
    [{ object: 'chat.completion.chunk', choices: [] }, false],
    [{ choices: [{ text: 'a' }] }, false],
    [{ object: 'text_completion' }, false],
    ['text_completion', false],
    [null, false],
  ])('%#', (body, claimed) => {
    expect(openaiCompletions.claimsResponse(body)).toBe(claimed)
  })
})

describe('redaction', () => {
  const rewritten = (body: Uint8Array, path: (string | number)[]) =>
    textOf(openaiCompletions.rewrite(body, [{ path, text: 'new "text"' }]))

  test('an edited choice loses its logprobs, which repeat the text, and nothing else changes', () => {
    const before = textOf(fixture)
    const logprobs = before.slice(before.indexOf('"logprobs": {'), before.indexOf(',\n   "finish_reason"'))
    const after = rewritten(fixture, ['choices', 0, 'text'])
    expect(logprobs).toContain('-0100')
    expect(after).toBe(
      before.replace('"Call 555-0100."', String.raw`"new \"text\""`).replace(logprobs, '"logprobs": null'),
    )
  })

  test('any other choice keeps them', () => {
    expect(rewritten(fixture, ['choices', 1, 'text'])).toBe(
      textOf(fixture).replace(String.raw`"Say \"hi\""`, String.raw`"new \"text\""`),
    )
  })

  test('token ids of an edited choice go as well', () => {
    const body = bytesOf(
      '{"choices":[{"text":"a","token_ids":[1],"prompt_token_ids":[2],"prompt_logprobs":[3]}]}',
    )
    expect(rewritten(body, ['choices', 0, 'text'])).toBe(
      String.raw`{"choices":[{"text":"new \"text\"","token_ids":null,"prompt_token_ids":null,"prompt_logprobs":null}]}`,
    )
  })

  test.each([
    ['{"prompt":"a","logprobs":5}', ['prompt'], String.raw`{"prompt":"new \"text\"","logprobs":5}`],
    ['{"prompt":["a", "b"]}', ['prompt', 1], String.raw`{"prompt":["a", "new \"text\""]}`],
    ['{"suffix":"a"}', ['suffix'], String.raw`{"suffix":"new \"text\""}`],
  ])('of a request: %s', (body, path, expected) => {
    expect(rewritten(bytesOf(body), path)).toBe(expected)
  })
})
