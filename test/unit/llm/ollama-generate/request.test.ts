import { describe, expect, test } from 'vitest'
import type { LlmRequest } from '../../../../src/llm/format.ts'
import { ollamaGenerate } from '../../../../src/llm/ollama-generate/index.ts'

const decodeText = (text: string) => ollamaGenerate.decodeRequest(new TextEncoder().encode(text))
const decode = (body: unknown) => decodeText(JSON.stringify(body))

function read(body: unknown): LlmRequest {
  const decoded = decode(body)
  if (decoded.kind !== 'ok') throw new Error(`undecodable: ${decoded.reason}`)
  return decoded.value
}

test('all that can be said', () => {
  const request = read({
    model: 'codellama',
    prompt: 'def add(',
    suffix: 'return c',
    system: 'You write code.',
    template: '{{ .System }} be brief {{ .Prompt }}',
    images: ['AA==', 'AA=='],
    context: [1, 2, 3],
    stream: false,
    format: { type: 'object' },
    options: { stop: ['x'] },
  })
  const text = (message: number, role: string, key: string, value: string) => ({
    ...{ message, role, kind: 'content', text: value, path: [key] },
  })
  expect(request).toEqual({
    model: 'codellama',
    streams: false,
    choices: 1,
    structuredOutput: true,
    streamUsage: false,
    uninspectable: 3,
    segments: [
      text(0, 'system', 'system', 'You write code.'),
      text(0, 'system', 'template', '{{ .System }} be brief {{ .Prompt }}'),
      text(1, 'user', 'prompt', 'def add('),
      text(1, 'user', 'suffix', 'return c'),
    ],
  })
})

test.each([
  [{}, { streams: true, segments: [], uninspectable: 0 }],
  [{ prompt: '' }, { segments: [] }],
  [
    { prompt: null, images: null, context: null, stream: null },
    { streams: true, uninspectable: 0 },
  ],
  [{ context: [] }, { uninspectable: 0 }],
  [{ stream: true }, { streams: true }],
])('%j', (body, expected) => {
  expect(read(body)).toMatchObject(expected)
})

describe('wrong shape', () => {
  test.each([
    [[]],
    [{ prompt: ['x'] }],
    [{ prompt: 7 }],
    [{ system: {} }],
    [{ template: false }],
    [{ suffix: 1 }],
    [{ images: 'AA==' }],
    [{ context: 'x' }],
    [{ stream: 'false' }],
  ])('%j', body => {
    expect(decode(body)).toEqual({ kind: 'undecodable', reason: 'wrong-shape' })
  })

  test.each(['{"prompt":"x","prompt":null}', '{"Prompt":"x"}', '{"\u017Fystem":"x"}'])('%s', body => {
    expect(decodeText(body)).toEqual({ kind: 'undecodable', reason: 'wrong-shape' })
  })
})
