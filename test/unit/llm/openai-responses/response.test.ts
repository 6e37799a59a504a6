import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  openaiResponses,
  openaiResponsesCompact,
  openaiResponsesTokenCount,
} from '../../../../src/llm/openai-responses/index.ts'

const fixture = readFileSync(new URL('../../../fixtures/openai-responses/response.json', import.meta.url))

function decode(body: unknown) {
  return openaiResponses.decodeResponse(new TextEncoder().encode(JSON.stringify(body)))
}

function read(item: unknown) {
  const decoded = decode({ object: 'response', output: [item] })
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  const { segments, uninspectable } = decoded.value
  return { texts: segments.map(({ role, kind, text }) => [role, kind, text]), uninspectable }
}

test('an answer of several items', () => {
  const own = { message: 0, role: 'assistant' }
  expect(openaiResponses.decodeResponse(fixture)).toEqual({
    kind: 'ok',
    value: {
      uninspectable: 0,
      segments: [
        { ...own, kind: 'reasoning', text: 'Look the number up.', path: ['output', 0, 'summary', 0, 'text'] },
        { ...own, kind: 'tool-call', text: 'phone number', path: ['output', 1, 'action', 'query'] },
        { ...own, kind: 'content', text: 'Call 555-0100.', path: ['output', 2, 'content', 0, 'text'] },
        {
          ...own,
          kind: 'content',
          text: 'Phone book',
          path: ['output', 2, 'content', 0, 'annotations', 0, 'title'],
        },
        {
          ...own,
          kind: 'content',
          text: 'https://example.com/phones',
          path: ['output', 2, 'content', 0, 'annotations', 0, 'url'],
        },
        {
          ...own,
          kind: 'tool-call',
          text: '{"number":"555-0100"}',
          syntax: 'json',
          path: ['output', 3, 'arguments'],
        },
      ],
    },
  })
})

describe('texts and what cannot be read', () => {
  const message = (content: unknown) => ({ type: 'message', role: 'assistant', content })
  test.each([
    ['text', message([{ type: 'output_text', text: 'x' }]), [['assistant', 'content', 'x']], 0],
    ['a bare string', message('x'), [['assistant', 'content', 'x']], 0],
    ['refusal', message([{ type: 'refusal', refusal: 'x' }]), [['assistant', 'refusal', 'x']], 0],
    ['whatever role', { ...message('x'), role: 'user' }, [['assistant', 'content', 'x']], 0],
    ['an empty answer', message([{ type: 'output_text', text: '', annotations: [] }]), [], 0],
    [
      'sound',
      message([{ type: 'output_audio', data: 'AA==', transcript: 'x' }]),
      [['assistant', 'content', 'x']],
      1,
    ],
    ['a text that is no string', message([{ type: 'output_text', text: 7 }]), [], 1],
    ['content of a number', message(7), [], 1],
    [
      'annotations as an object',
      message([{ type: 'output_text', text: 'x', annotations: {} }]),
      [['assistant', 'content', 'x']],
      1,
    ],
    [
      'an annotation that is a string',
      message([{ type: 'output_text', text: 'x', annotations: ['y'] }]),
      [['assistant', 'content', 'x']],
      1,
    ],
    [
      'a file that is cited',
      message([
        {
          type: 'output_text',
          text: 'x',
          annotations: [{ type: 'file_citation', file_id: 'f', filename: 'n' }],
        },
      ]),
      [
        ['assistant', 'content', 'x'],
        ['assistant', 'content', 'n'],
      ],
      0,
    ],
    [
      'a picture',
      { type: 'image_generation_call', result: 'AA==', revised_prompt: 'x' },
      [['assistant', 'tool-call', 'x']],
      1,
    ],
    ['an unknown item', { type: 'hologram', text: 'x' }, [['assistant', 'content', 'x']], 1],
    ['an item without a type', { foo: 'x' }, [], 1],
    ['compaction', { type: 'compaction', encrypted_content: 'x' }, [], 1],
  ])('%s', (_, item, texts, uninspectable) => {
    expect(read(item)).toEqual({ texts, uninspectable })
  })

  test('a text of all texts, which SDKs show instead of them', () => {
    const decoded = decode({ output: [], output_text: 'x' })
    expect(decoded).toMatchObject({ value: { segments: [{ text: 'x', path: ['output_text'] }] } })
  })

  test('an answer that is still queued', () => {
    expect(decode({ object: 'response', status: 'queued', output: [] })).toMatchObject({
      kind: 'ok',
      value: { segments: [] },
    })
  })
})

test.each([
  ['output missing', { object: 'response', error: { message: 'x' } }],
  ['output as an object', { output: {} }],
  ['an item that is null', { output: [null] }],
  ['an item that is a string', { output: ['x'] }],
  ['a list', []],
])('wrong shape: %s', (_, body) => {
  expect(decode(body)).toEqual({ kind: 'undecodable', reason: 'wrong-shape' })
})

test('an answer that is cut is not JSON', () => {
  const decoded = openaiResponses.decodeResponse(fixture.subarray(0, -10))
  expect(decoded).toEqual({ kind: 'undecodable', reason: 'not-json' })
})

test.each([
  [{ object: 'response' }, true],
  [{ type: 'response.created', response: {} }, true],
  [{ type: 'response.output_text.delta' }, true],
  [{ object: 'chat.completion', choices: [] }, false],
  [{ object: 'response.compaction' }, false],
  [{ object: 'list', data: [] }, false],
  [{ type: 'message', content: [] }, false],
  [{ type: 'message_start', message: {} }, false],
  [{ type: 'error', error: {} }, false],
  [{ type: 7 }, false],
  [{ output: { message: {} } }, false],
  [[], false],
  [null, false],
])('claims %j: %s', (value, claims) => {
  expect(openaiResponses.claimsResponse(value)).toBe(claims)
})

describe('variants, which answer without text of their own', () => {
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
  const counted = { object: 'response.input_tokens', input_tokens: 7 }
  const compacted = {
    object: 'response.compaction',
    output: [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'x' }] },
      { type: 'compaction', encrypted_content: 'gAAA' },
    ],
  }
  const refusal = { message: 'no', id: '0', createdSec: 1, finishReason: 'auto', request: undefined } as const

  test('a number of tokens', () => {
    const { decodeResponse } = openaiResponsesTokenCount
    expect(decodeResponse(encode(counted))).toEqual({ kind: 'ok', value: { segments: [], uninspectable: 0 } })
    expect(decodeResponse(encode({ object: 'response', output: [] })).kind).toBe('undecodable')
    expect(decodeResponse(encode([]).subarray(1)).kind).toBe('undecodable')
  })

  test('a shorter conversation', () => {
    expect(openaiResponsesCompact.decodeResponse(encode(compacted))).toMatchObject({
      value: { segments: [{ text: 'x' }], uninspectable: 1 },
    })
  })

  test('each claims its own answer, and refuses with an error', () => {
    for (const format of [openaiResponses, openaiResponsesCompact, openaiResponsesTokenCount]) {
      const claimed = [{ object: 'response' }, compacted, counted].filter(value =>
        format.claimsResponse(value),
      )
      expect(claimed).toHaveLength(1)
    }
    expect(openaiResponsesCompact.refusal()).toBeUndefined()
    expect(openaiResponsesTokenCount.refusal()).toBeUndefined()
    expect(openaiResponses.refusal(refusal, 'json')).toBeDefined()
  })
})
