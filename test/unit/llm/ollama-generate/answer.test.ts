import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Part, Refusal } from '../../../../src/llm/format.ts'
import { ollamaGenerate } from '../../../../src/llm/ollama-generate/index.ts'

const fixtures = new URL('../../../fixtures/ollama/', import.meta.url)
const readFixture = (name: string) => readFileSync(new URL(name, fixtures))
const encode = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

function decode(bytes: Uint8Array) {
  const stream = ollamaGenerate.openStream()
  return [...stream.push(bytes), ...stream.end()]
}
const partsOf = (line: string): readonly Part[] => decode(encode(line)).flatMap(frame => frame.parts)

describe('a whole answer', () => {
  test('its texts', () => {
    const said = (kind: string, text: string, key: string) => ({
      ...{ message: 0, role: 'assistant', kind, text, path: [key] },
    })
    expect(ollamaGenerate.decodeResponse(readFixture('generate-response.json'))).toEqual({
      kind: 'ok',
      value: {
        uninspectable: 0,
        segments: [said('reasoning', 'Ask.', 'thinking'), said('content', 'Call 555-0100.', 'response')],
      },
    })
  })

  test('an image cannot be read', () => {
    const decoded = ollamaGenerate.decodeResponse(encode('{"response":"","image":"AA==","done":true}'))
    expect(decoded).toEqual({ kind: 'ok', value: { segments: [], uninspectable: 1 } })
  })

  test.each(['[]', '{"message":{"content":"x"}}', '{}'])('wrong shape: %s', body => {
    const decoded = ollamaGenerate.decodeResponse(encode(body))
    expect(decoded).toEqual({ kind: 'undecodable', reason: 'wrong-shape' })
  })

  test('an edited one loses the ids of its tokens', () => {
    const before = readFixture('generate-response.json')
    const after = ollamaGenerate.rewrite(before, [{ path: ['thinking'], text: 'No.' }])
    expect(textOf(after)).toBe(before.toString().replace('"Ask."', '"No."').replace('[128006,882]', 'null'))
  })

  test('a request keeps them', () => {
    const body = encode('{"prompt":"x","context":[1]}')
    const after = ollamaGenerate.rewrite(body, [{ path: ['prompt'], text: 'y' }])
    expect(textOf(after)).toBe('{"prompt":"y","context":[1]}')
  })
})

describe('a stream', () => {
  test.each([
    ['generate-text.ndjson', { content: 'The river Weiß is cold 🥶.' }],
    ['generate-thinking.ndjson', { reasoning: 'The user greets.', content: 'Hello!' }],
  ])('%s', (name, texts) => {
    const frames = decode(readFixture(name))
    const said: Record<string, string> = {}
    const rest: Part[] = []
    for (const part of frames.flatMap(frame => frame.parts)) {
      if (part.kind === 'text-delta') said[part.textKind] = (said[part.textKind] ?? '') + part.text
      else rest.push(part)
    }
    expect(said).toEqual(texts)
    expect(rest).toEqual([{ kind: 'finish', choice: 0 }, { kind: 'terminator' }])
    expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(readFixture(name))).toBe(true)
  })

  test('every recorded stream is tested', () => {
    const names = readdirSync(fixtures).filter(name => /^generate-.*\.ndjson$/.test(name))
    expect(names).toHaveLength(2)
  })

  test.each([
    ['a response of a number', '{"response":7,"done":false}', ['uninspectable']],
    ['an image', '{"response":"","image":"AA==","done":true}', ['uninspectable', 'finish', 'terminator']],
    [
      'a tool call',
      '{"response":"","tool_calls":[{"function":{"arguments":{"a":"x"}}}],"done":false}',
      ['text-delta', 'finish'],
    ],
    ['an error', '{"error":"x"}', []],
    ['a line of chat', '{"message":{"content":"x"},"done":false}', ['undecodable']],
  ])('%s', (_, line, kinds) => {
    expect(partsOf(line).map(part => part.kind)).toEqual(kinds)
  })

  test('a frame with a new text', () => {
    const [frame] = decode(encode('{"response":"x","done":false}\n'))
    const edited = ollamaGenerate.rewriteFrame(frame!, [{ path: ['response'], text: 'y' }])
    expect(textOf(edited.bytes)).toBe('{"response":"y","done":false}\n')
  })
})

describe('a refusal', () => {
  const refusal: Refusal = {
    message: 'No',
    id: '0123456789abcdef0123456789abcdef',
    createdSec: 0,
    finishReason: 'auto',
    request: undefined,
  }
  const lines = (bytes: Uint8Array) =>
    textOf(bytes)
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))

  test('whole and streamed', () => {
    const head = { model: 'unknown', created_at: '1970-01-01T00:00:00Z' }
    const end = { done: true, done_reason: 'stop', eval_count: 0 }
    expect(lines(ollamaGenerate.refusal(refusal, 'json').body)).toMatchObject([
      { ...head, response: 'No', ...end },
    ])
    expect(lines(ollamaGenerate.refusal(refusal, 'event-stream').body)).toMatchObject([
      { ...head, response: 'No', done: false },
      { ...head, response: '', ...end },
    ])
  })

  test('after text', () => {
    const at = ollamaGenerate.openPosition()
    at.released(decode(readFixture('generate-text.ndjson'))[0]!)
    expect(lines(ollamaGenerate.streamRefusal(refusal, at))).toMatchObject([
      { model: 'llama3.2', response: '\n\nNo' },
      { response: '', done: true },
    ])
  })
})

test.each([
  [{ model: 'm', response: 'x', done: false }, true],
  [{ model: 'm', message: {}, done: false }, false],
  [{ response: 'x' }, false],
  [null, false],
])('claims %j: %s', (value, claims) => {
  expect(ollamaGenerate.claimsResponse(value)).toBe(claims)
})
