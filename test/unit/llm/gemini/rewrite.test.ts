import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../../src/errors.ts'
import type { Frame, JsonPath, LlmFormat, Refusal, TextEdit } from '../../../../src/llm/format.ts'
import { gemini, geminiArray, geminiSse } from '../../../../src/llm/gemini/index.ts'

const fixtures = new URL('../../../fixtures/gemini/', import.meta.url)
const readFixture = (name: string) => readFileSync(new URL(name, fixtures))
const text = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

function framesOf(format: LlmFormat, input: Uint8Array | string): readonly Frame[] {
  const stream = format.openStream()
  const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input
  return [...stream.push(bytes), ...stream.end()]
}

describe('a body', () => {
  const response = readFixture('response.json')
  const before = response.toString()
  const rewritten = (path: JsonPath) => text(gemini.rewrite(response, [{ path, text: 'new "text"' }]))
  const literal = String.raw`"new \"text\""`

  test('an edited candidate loses its logprobs, which repeat the text', () => {
    const start = before.indexOf('"logprobsResult": ')
    const logprobs = before.slice(start, before.indexOf(',\n   "citationMetadata"'))
    const expected = before.replace('"Call 555-0100."', literal).replace(logprobs, '"logprobsResult": null')
    expect(rewritten(['candidates', 0, 'content', 'parts', 1, 'text'])).toBe(expected)
    expect(expected).not.toContain(' 555-0100')
  })

  test('any other candidate keeps them', () => {
    const path = ['candidates', 1, 'content', 'parts', 0, 'functionCall', 'args', 'q']
    expect(rewritten(path)).toBe(before.replace('"phone"', literal))
  })

  test('every text of a request can be replaced, and nothing else changes', () => {
    const request = readFixture('request-agent.json')
    const decoded = gemini.decodeRequest(request, { path: '/', query: '' })
    if (decoded.kind !== 'ok') throw new Error(decoded.reason)
    const edits = decoded.value.segments.map(({ path, text: said }) => ({ path, text: `<${said}>` }))
    const expected = edits.reduce(
      (body, edit) => body.replace(JSON.stringify(edit.text.slice(1, -1)), JSON.stringify(edit.text)),
      request.toString(),
    )
    expect(text(gemini.rewrite(request, edits))).toBe(expected)
  })
})

describe('a frame', () => {
  const answer = (said: string) =>
    `{"candidates": [{"content": {"parts": [{"text": ${JSON.stringify(said)}}]},"logprobsResult": {"x": "${said}"}}], "n": 1.50}`
  const path = ['candidates', 0, 'content', 'parts', 0, 'text']
  const withoutLogprobs = (said: string) =>
    answer(said).replace(/"logprobsResult": \{.*?\}/, '"logprobsResult": null')

  test.each([
    ['an event', geminiSse, (data: string) => `event: x\r\ndata: ${data}\r\n\r\n`],
    ['the first element', geminiArray, (data: string) => ` [${data}`],
    ['the first element behind a byte order mark', geminiArray, (data: string) => `\uFEFF[\n${data}`],
  ] as const)('%s', (_, format, wrap) => {
    const [frame] = framesOf(format, wrap(answer('old')))
    const rewritten = format.rewriteFrame(frame!, [{ path, text: 'new' }])
    expect(text(rewritten.bytes)).toBe(wrap(withoutLogprobs('new')))
    expect(rewritten.parts).toMatchObject([{ kind: 'text-delta', text: 'new', path }])
  })

  test('a later element keeps its separator', () => {
    const frame = framesOf(geminiArray, `[${answer('a')}\r\n,\r\n${answer('b')}]`)[1]!
    const rewritten = geminiArray.rewriteFrame(frame, [{ path, text: 'c' }])
    expect(text(rewritten.bytes)).toBe(`\r\n,\r\n${withoutLogprobs('c')}`)
  })

  test.each([
    ['streamed-call.sse', geminiSse],
    ['tool-calls.sse', geminiSse],
    ['grounded.sse', geminiSse],
    ['two-candidates.sse', geminiSse],
    ['text.array.json', geminiArray],
    ['compact.array.json', geminiArray],
  ])('every text of %s can be replaced, and nothing else changes', (name, format) => {
    for (const frame of framesOf(format, readFixture(name))) {
      const edits = frame.parts.flatMap((part): TextEdit[] =>
        part.kind === 'text-delta' && part.text !== '' ? [{ path: part.path, text: `<${part.text}>` }] : [],
      )
      const expected = edits.reduce(
        (body, edit) => body.replace(JSON.stringify(edit.text.slice(1, -1)), JSON.stringify(edit.text)),
        text(frame.bytes),
      )
      const rewritten = format.rewriteFrame(frame, edits)
      expect(text(rewritten.bytes)).toBe(expected)
      if (edits.length === 0) expect(rewritten).toBe(frame)
    }
  })

  test('an edit that names no text of the frame, or one twice, throws', () => {
    const [frame] = framesOf(geminiSse, `data: ${answer('old')}\n\n`)
    const edit = { path, text: 'x' }
    expect(() => geminiSse.rewriteFrame(frame!, [{ ...edit, path: ['candidates'] }])).toThrow(WeirError)
    expect(() => geminiSse.rewriteFrame(frame!, [edit, edit])).toThrow(WeirError)
  })

  test('a released frame that was rewritten still tells where the stream stands', () => {
    const frames = framesOf(geminiSse, readFixture('text.sse'))
    const at = geminiSse.openPosition()
    at.released(geminiSse.rewriteFrame(frames[0]!, [{ path, text: '' }]))
    const refusal: Refusal = {
      message: 'no',
      id: '0',
      createdSec: 1,
      finishReason: 'auto',
      request: undefined,
    }
    const said = JSON.parse(text(geminiSse.streamRefusal(refusal, at)).slice('data: '.length))
    // No text of the answer is out: the refusal need not stand apart.
    expect(said.candidates[0].content.parts).toEqual([{ text: 'no' }])
    expect(said.responseId).toBe('tTCwacuEBMvnitYP06qsgQY')
  })
})
