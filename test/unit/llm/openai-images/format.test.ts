import { describe, expect, test } from 'vitest'
import { openaiImages } from '../../../../src/llm/openai-images/index.ts'
import {
  bytesOf,
  eventsOf,
  expectSameHowever,
  framesOf,
  gather,
  jsonBytes,
  MESSAGE,
  partsOf,
  positionAfter,
  readAnswer,
  readFixture,
  readRequest,
  refusal,
  textOf,
  value,
} from '../openai-given.ts'

const edit = readFixture('openai-images/edit.form')

describe('a request', () => {
  test.each([
    ['a prompt', { prompt: 'a', n: 2, size: '1024x1024' }, [['user', 'a', ['prompt']]], 0],
    [
      'what must not be in the picture',
      { prompt: 'a', negative_prompt: 'b' },
      [
        ['user', 'a', ['prompt']],
        ['user', 'b', ['negative_prompt']],
      ],
      0,
    ],
    [
      'an edit in JSON',
      { prompt: 'a', images: [{ image_url: 'x' }], mask: { file_id: 'y' } },
      [['user', 'a', ['prompt']]],
      2,
    ],
    ['a variation', { image: 'x', prompt: null }, [], 1],
  ])('%s', (_, body, texts, uninspectable) => {
    expect(readRequest(openaiImages, jsonBytes(body))).toEqual({ texts, uninspectable })
  })

  test('a form', () => {
    expect(readRequest(openaiImages, edit)).toEqual({
      texts: [['user', 'A white otter at 555-0100, Weiß 🦦', ['prompt']]],
      uninspectable: 2,
    })
    expect(value(openaiImages.decodeRequest(edit))).toMatchObject({
      model: 'gpt-image-1',
      streams: undefined,
    })
  })

  test.each([
    [{ prompt: 'a', stream: true }, true],
    [{ prompt: 'a' }, undefined],
  ])('stream: %j', (body, streams) => {
    expect(value(openaiImages.decodeRequest(jsonBytes(body))).streams).toBe(streams)
  })

  test.each([
    ['a list', jsonBytes(['a']), 'wrong-shape'],
    ['a prompt of a number', jsonBytes({ prompt: 7 }), 'wrong-shape'],
    ['stream of a text', jsonBytes({ prompt: 'a', stream: 'true' }), 'wrong-shape'],
    ['neither JSON nor a form', bytesOf('prompt=a'), 'not-json'],
    ['a form that is cut', edit.slice(0, -6), 'wrong-shape'],
    [
      'a prompt that is no UTF-8',
      edit.map((byte, at) => (at === textOf(edit).indexOf('555') ? 0xff : byte)),
      'not-utf8',
    ],
  ])('undecodable: %s', (_, body, reason) => {
    expect(readRequest(openaiImages, body)).toBe(reason)
  })

  test('redacted', () => {
    const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
    const text = 'A white otter at [PHONE]'
    const after = openaiImages.rewrite(edit, [{ path: ['prompt'], text }])
    const before = Buffer.from('A white otter at 555-0100, Weiß 🦦').toString('latin1')
    expect(latin1(after)).toBe(latin1(edit).replace(before, text))
    const json = bytesOf('{"prompt":"a" }')
    expect(textOf(openaiImages.rewrite(json, [{ path: ['prompt'], text: 'b' }]))).toBe('{"prompt":"b" }')
  })
})

describe('an answer', () => {
  const fixture = readFixture('openai-images/response.json')

  test('of pictures and of what was made of the prompt', () => {
    expect(readAnswer(openaiImages, fixture)).toEqual({
      texts: [['A white otter on the Weiß river', ['data', 0, 'revised_prompt']]],
      uninspectable: 2,
    })
    expect(openaiImages.claimsResponse(JSON.parse(textOf(fixture)))).toBe(true)
  })

  test('redacted', () => {
    const path = ['data', 0, 'revised_prompt']
    expect(textOf(openaiImages.rewrite(fixture, [{ path, text: 'x' }]))).toBe(
      textOf(fixture).replace('A white otter on the Weiß river', 'x'),
    )
  })

  test.each([
    [{ data: [] }, { texts: [], uninspectable: 0 }],
    [{ data: [{ revised_prompt: '' }, { revised_prompt: 7 }] }, { texts: [], uninspectable: 1 }],
    [{ data: ['a'] }, 'wrong-shape'],
    [{}, 'wrong-shape'],
  ])('%j', (body, expected) => {
    expect(readAnswer(openaiImages, jsonBytes(body))).toEqual(expected)
    expect(openaiImages.claimsResponse(body)).toBe(false)
  })
})

describe('an event stream', () => {
  const fixture = readFixture('openai-images/stream.sse')

  test('of pictures', () => {
    expect(gather(framesOf(openaiImages, fixture))).toEqual({
      texts: {},
      rest: ['uninspectable', 'uninspectable'],
    })
    expectSameHowever(openaiImages, fixture)
    expect(openaiImages.claimsResponse(eventsOf(fixture)[0])).toBe(true)
  })

  test('with the prompt in it, which is redacted like any text', () => {
    const event = 'data: {"type":"image_edit.completed","url":"x","revised_prompt":"a"}\n\n'
    const [frame] = framesOf(openaiImages, bytesOf(event))
    const repeat = {
      kind: 'text-repeat',
      choice: 0,
      textKind: 'content',
      block: 0,
      text: 'a',
      path: ['revised_prompt'],
    }
    expect(openaiImages.openStream().repeats).toBe(true)
    expect(frame!.parts).toEqual([{ kind: 'uninspectable' }, repeat])
    const after = openaiImages.rewriteFrame(frame!, [{ path: ['revised_prompt'], text: 'b' }])
    expect(textOf(after.bytes)).toBe(event.replace('"a"', '"b"'))
    expect(after.parts[1]).toEqual({ ...repeat, text: 'b' })
  })

  test.each([
    ['of an odd prompt', '{"type":"image_edit.completed","revised_prompt":7}', [{ kind: 'uninspectable' }]],
    ['of an error', '{"type":"error","error":{"message":"x"}}', []],
    ['of another API', '{"choices":[]}', [{ kind: 'undecodable', reason: 'wrong-shape' }]],
  ])('%s', (_, data, parts) => {
    expect(partsOf(openaiImages, `data: ${data}\n\n`)).toEqual(parts)
  })

  test('denied ends with an error', () => {
    const { at } = positionAfter(openaiImages, fixture, 1)
    expect(eventsOf(openaiImages.streamRefusal(refusal(), at))).toMatchObject([
      { error: { message: MESSAGE } },
    ])
  })
})

test.each([
  ['content_filter', 'content_policy_violation'],
  ['invalid_request', 'invalid_request'],
] as const)('an error of code %s says %s', (code, said) => {
  expect(openaiImages.refusal()).toBeUndefined()
  expect(JSON.parse(textOf(openaiImages.error({ status: 403, message: MESSAGE, code }).body))).toEqual({
    error: { message: MESSAGE, type: 'invalid_request_error', param: null, code: said },
  })
})
