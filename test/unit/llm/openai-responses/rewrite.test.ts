import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WeirError } from '../../../../src/errors.ts'
import type { Frame, JsonPath, Refusal, TextEdit, TextPart } from '../../../../src/llm/format.ts'
import { openaiResponses } from '../../../../src/llm/openai-responses/index.ts'

const fixtures = new URL('../../../fixtures/openai-responses/', import.meta.url)
const response = readFileSync(new URL('response.json', fixtures))
const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

describe('a body', () => {
  const before = response.toString()
  const rewritten = (path: JsonPath) =>
    textOf(openaiResponses.rewrite(response, [{ path, text: 'new "text"' }]))

  test('an edited text loses its logprobs, which repeat it', () => {
    const logprobs = before.slice(
      before.indexOf('[\n            { "token"'),
      before.indexOf(',\n          "text"'),
    )
    const expected = before
      .replace('"text": "Call 555-0100."', String.raw`"text": "new \"text\""`)
      .replace(logprobs, 'null')
    expect(rewritten(['output', 2, 'content', 0, 'text'])).toBe(expected)
    expect(expected).not.toContain('"Call"')
  })

  test('any other text leaves them', () => {
    expect(rewritten(['output', 0, 'summary', 0, 'text'])).toBe(
      before.replace('"Look the number up."', String.raw`"new \"text\""`),
    )
  })

  test('a request', () => {
    const body = new TextEncoder().encode('{"instructions":"a","input":[{"content":"b"}],"top_logprobs":1}')
    const edits: TextEdit[] = [
      { path: ['instructions'], text: 'c' },
      { path: ['input', 0, 'content'], text: 'd' },
    ]
    expect(textOf(openaiResponses.rewrite(body, edits))).toBe(
      '{"instructions":"c","input":[{"content":"d"}],"top_logprobs":1}',
    )
  })
})

function framesOf(bytes: Uint8Array): readonly Frame[] {
  const stream = openaiResponses.openStream()
  return [...stream.push(bytes), ...stream.end()]
}

const textPartsOf = (frame: Frame): readonly TextPart[] =>
  frame.parts.flatMap(part => (part.kind === 'text-delta' || part.kind === 'text-repeat' ? [part] : []))

describe('every place where a stream says a text', () => {
  const names = readdirSync(fixtures).filter(name => name.endsWith('.sse'))

  test.each(names)('%s', name => {
    const frames = framesOf(readFileSync(new URL(name, fixtures)))
    const said = frames.flatMap(textPartsOf).filter(({ text }) => text.length > 2)
    expect(said.length).toBeGreaterThan(0)
    const after = frames
      .map(frame => {
        const edits = textPartsOf(frame)
          .filter(({ text }) => text !== '')
          .map(({ path }) => ({ path, text: '[gone]' }))
        return textOf(openaiResponses.rewriteFrame(frame, edits).bytes)
      })
      .join('')
    // As a whole JSON string: a tool is also named in places that say nothing of what was said.
    for (const { text } of said) expect(after).not.toContain(JSON.stringify(text))
    expect(framesOf(new TextEncoder().encode(after))).toHaveLength(frames.length)
  })

  test('the tokens beside a text go with it', () => {
    const frames = framesOf(readFileSync(new URL('text.sse', fixtures)))
    const after = frames
      .map(frame => {
        const edits = textPartsOf(frame).map(({ path }) => ({ path, text: '' }))
        return textOf(openaiResponses.rewriteFrame(frame, edits).bytes)
      })
      .join('')
    expect(after).not.toContain('river')
    expect(after).not.toContain('"token"')
  })
})

const path = ['delta']
const event =
  'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"x","logprobs":[{"token":"x"}],"obfuscation":"x"}\n\n'

function soleFrame(text: string): Frame {
  const frames = framesOf(new TextEncoder().encode(text))
  expect(frames).toHaveLength(1)
  return frames[0]!
}

describe('the frame', () => {
  test('only the text and its tokens change', () => {
    expect(textOf(openaiResponses.rewriteFrame(soleFrame(event), [{ path, text: 'y' }]).bytes)).toBe(
      event.replace('"delta":"x"', '"delta":"y"').replace('[{"token":"x"}]', 'null'),
    )
  })

  test.each([
    ['CR LF', '\r\n'],
    ['CR', '\r'],
  ])('line ends stay: %s', (_, lineEnd) => {
    const before = event.replaceAll('\n', lineEnd)
    const after = textOf(openaiResponses.rewriteFrame(soleFrame(before), [{ path, text: 'y' }]).bytes)
    expect(after).toBe(before.replace('"delta":"x"', '"delta":"y"').replace('[{"token":"x"}]', 'null'))
  })

  test('no edits: the same frame', () => {
    const frame = soleFrame(event)
    expect(openaiResponses.rewriteFrame(frame, [])).toBe(frame)
  })

  test('the parts have the new texts, repeats as well', () => {
    const done = soleFrame('data: {"type":"response.output_text.done","text":"x"}\n\n')
    expect(openaiResponses.rewriteFrame(done, [{ path: ['text'], text: '' }]).parts).toEqual([
      { ...done.parts[0], text: '' },
    ])
    expect(done.parts).toMatchObject([{ text: 'x' }])
    const frames = framesOf(readFileSync(new URL('text.sse', fixtures)))
    const repeat = frames.find(frame => frame.parts.some(part => part.kind === 'text-repeat'))!
    const edited = openaiResponses.rewriteFrame(repeat, [{ path: ['text'], text: 'y' }])
    expect(edited.parts).toMatchObject([{ kind: 'text-repeat', text: 'y' }])
  })

  test('it can be rewritten again', () => {
    const once = openaiResponses.rewriteFrame(soleFrame(event), [{ path, text: '' }])
    const twice = openaiResponses.rewriteFrame(once, [{ path, text: 'c' }])
    expect(textOf(twice.bytes)).toContain('"delta":"c"')
    expect(twice.parts).toMatchObject([{ text: 'c' }])
  })

  const refusal: Refusal = { message: 'no', id: '0', createdSec: 2, finishReason: 'auto', request: undefined }
  const refusedAfter = (frame: Frame) => {
    const at = openaiResponses.openPosition()
    at.released(frame)
    return textOf(openaiResponses.streamRefusal(refusal, at))
  }

  test('a refusal closes the text with what the client was sent of it', () => {
    const rewritten = openaiResponses.rewriteFrame(soleFrame(event), [{ path, text: 'REDACTED' }])
    for (const frame of [rewritten, { bytes: rewritten.bytes, parts: rewritten.parts }]) {
      expect(refusedAfter(frame)).toContain('"text":"REDACTED"')
      expect(refusedAfter(frame)).not.toContain('"text":"x"')
    }
  })

  test('a refusal stands apart from no text that was emptied', () => {
    const rewritten = openaiResponses.rewriteFrame(soleFrame(event), [{ path, text: '' }])
    expect(refusedAfter(soleFrame(event))).toContain(String.raw`"delta":"\n\nno"`)
    expect(refusedAfter(rewritten)).toContain('"delta":"no"')
  })

  test.each<[string, readonly TextEdit[]]>([
    ['no text of the frame', [{ path: ['text'], text: 'x' }]],
    ['a string that is no text', [{ path: ['item_id'], text: 'x' }]],
    [
      'a text twice',
      [
        { path, text: 'x' },
        { path, text: 'y' },
      ],
    ],
  ])('an edit that names %s is a bug', (_, edits) => {
    expect(() => openaiResponses.rewriteFrame(soleFrame(event), edits)).toThrow(WeirError)
  })
})
