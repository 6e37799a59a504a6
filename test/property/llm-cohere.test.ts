import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cohereChat } from '../../src/llm/cohere-chat/index.ts'
import type { Frame, JsonPath, TextEdit } from '../../src/llm/format.ts'
import { isJsonObject } from '../../src/llm/json-body.ts'

const fixtures = new URL('../fixtures/cohere/', import.meta.url)
const encoder = new TextEncoder()
const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
const numRuns = 100

function decode(bytes: Uint8Array, cuts: readonly number[] = []): readonly Frame[] {
  const stream = cohereChat.openStream()
  const borders = [0, ...cuts.map(cut => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  const chunks = borders.slice(1).map((border, index) => bytes.slice(borders[index], border))
  return [...chunks.flatMap(chunk => stream.push(chunk)), ...stream.end()]
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', 'x', '"\\', '\n\ndata: x\r\n', '\u0085\u2028\u2029', '😀', '\ud83e', '[DONE]'),
)
const some = { requiredKeys: [] }
const oneOrList = <T>(item: fc.Arbitrary<T>) => fc.oneof(item, fc.array(item, { maxLength: 3 }))
const args = fc.oneof(text, fc.dictionary(fc.constantFrom('a', 'b'), text, { maxKeys: 2 }))
const type = fc.constantFrom(
  ...['message-start', 'content-start', 'content-delta', 'content-end', 'tool-plan-delta'],
  ...['tool-call-start', 'tool-call-delta', 'tool-call-end', 'citation-start', 'citation-end'],
  ...['message-end', 'debug', 'hologram'],
)
/** An event with texts in every place that one can stand in, whatever its type. */
const event = fc.record(
  {
    type,
    index: fc.nat({ max: 3 }),
    id: text,
    prompt: text,
    delta: fc.record(
      {
        message: fc.record(
          {
            tool_plan: text,
            content: fc.oneof(
              text,
              oneOrList(
                fc.record({ type: fc.constantFrom('text', 'thinking', 'x'), text, thinking: text }, some),
              ),
            ),
            tool_calls: oneOrList(
              fc.record({ id: text, function: fc.record({ arguments: args }, some) }, some),
            ),
            citations: oneOrList(
              fc.record(
                {
                  text,
                  sources: fc.array(fc.record({ type: text, document: args }, some), { maxLength: 2 }),
                },
                some,
              ),
            ),
          },
          some,
        ),
      },
      some,
    ),
    logprobs: fc.record({ text, token_ids: fc.constant([1]) }),
  },
  { requiredKeys: ['type'] },
)
const lineEnds = fc.constantFrom('\n', '\r\n', '\r')
const toBytes = (events: readonly { readonly type: string }[], end = '\n') =>
  encoder.encode(
    events.map(each => `event: ${each.type}${end}data: ${JSON.stringify(each)}${end}${end}`).join(''),
  )
const events = fc.array(event, { maxLength: 8 })

describe('decoding a stream', () => {
  test.each(readdirSync(fixtures).filter(name => name.endsWith('.sse')))('%s, byte by byte', name => {
    const bytes = new Uint8Array(readFileSync(new URL(name, fixtures)))
    const whole = decode(bytes)
    expect(decode(bytes, [...bytes.keys()])).toEqual(whole)
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 8 }), cuts => {
        expect(decode(bytes, cuts)).toEqual(whole)
      }),
      { numRuns: 20 },
    )
  })

  test('the bytes come out as they went in, with the same parts however they were cut', () => {
    fc.assert(
      fc.property(events, lineEnds, fc.array(fc.nat(), { maxLength: 12 }), (all, end, cuts) => {
        const bytes = toBytes(all, end)
        const whole = decode(bytes)
        expect(whole).toHaveLength(all.length)
        expect(decode(bytes, cuts)).toEqual(whole)
        expect(Buffer.concat(whole.map(frame => frame.bytes))).toEqual(Buffer.from(bytes))
      }),
      { numRuns },
    )
  })

  test('never throws, whatever the value', () => {
    const place = fc.constantFrom('root', 'delta', 'message', 'content', 'tool_calls', 'citations')
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), type, place, (value, given, at) => {
        const said = at === 'message' ? value : { [at]: value }
        const delta = at === 'delta' ? value : { message: said }
        const root = at === 'root' ? value : { type: given, delta }
        expect(decode(encoder.encode(`data: ${JSON.stringify(root)}\n\n`))).toHaveLength(1)
        const body = encoder.encode(JSON.stringify({ messages: [said], message: said, documents: value }))
        expect(['ok', 'undecodable']).toContain(cohereChat.decodeRequest(body).kind)
        expect(['ok', 'undecodable']).toContain(cohereChat.decodeResponse(body).kind)
        expect(typeof cohereChat.claimsResponse(root)).toBe('boolean')
      }),
      { numRuns },
    )
  })
})

/** The event with the texts of `edits` and without `logprobs`, done the plain way. */
function edited(value: unknown, edits: readonly TextEdit[]): unknown {
  const at = new Map(edits.map(edit => [JSON.stringify(edit.path), edit.text]))
  const walk = (node: unknown, path: JsonPath): unknown => {
    const replacement = at.get(JSON.stringify(path))
    if (replacement !== undefined) return replacement
    if (Array.isArray(node)) return node.map((item, index) => walk(item, [...path, index]))
    if (!isJsonObject(node)) return node
    return Object.fromEntries(
      Object.entries(node).map(([key, item]) => [
        key,
        path.length === 0 && key === 'logprobs' ? null : walk(item, [...path, key]),
      ]),
    )
  }
  return walk(value, [])
}

test('rewriting a frame changes the texts named and what spells them, and nothing else', () => {
  let count = 0
  const picks = fc.array(fc.option(text), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(event, lineEnds, picks, (value, end, choices) => {
      const [frame] = decode(toBytes([value], end))
      const edits = frame!.parts
        .flatMap(part => (part.kind === 'text-delta' && part.text !== '' ? [part.path] : []))
        .flatMap((path, index): TextEdit[] => {
          const pick = choices[index % choices.length] ?? null
          return pick === null ? [] : [{ path, text: pick }]
        })
      count += edits.length
      const after = cohereChat.rewriteFrame(frame!, edits)
      if (edits.length === 0) expect(after).toBe(frame)
      else {
        const [before, data] = [
          JSON.stringify(value),
          JSON.stringify(edited(JSON.parse(JSON.stringify(value)), edits)),
        ]
        const changed = textOf(after.bytes)
        const start = `event: ${value.type}${end}data: `
        const tail = textOf(frame!.bytes).slice(start.length + before.length)
        expect([changed.slice(0, start.length), changed.slice(changed.length - tail.length)]).toEqual([
          start,
          tail,
        ])
        expect(JSON.stringify(JSON.parse(changed.slice(start.length, changed.length - tail.length)))).toBe(
          data,
        )
        expect(decode(after.bytes)).toHaveLength(1)
      }
      const unsaid = (part: object) => ({ ...part, text: '' })
      expect(after.parts.map(unsaid)).toEqual(frame!.parts.map(unsaid))
    }),
    { numRuns },
  )
  expect(count).toBeGreaterThan(20)
})

test('a refusal at any point closes what is open, says its text and ends the message once', () => {
  fc.assert(
    fc.property(events, fc.nat({ max: 8 }), text, (all, count, message) => {
      const frames = decode(toBytes(all)).slice(0, count)
      const at = cohereChat.openPosition()
      for (const frame of frames) at.released(frame)
      const refusal = { message, id: '0', createdSec: 0, finishReason: 'auto', request: undefined } as const
      const rest = decode(cohereChat.streamRefusal(refusal, at))
      const types = rest.map(({ bytes }) => /^event: (.*)$/m.exec(textOf(bytes))![1])
      const isOver = frames.some(frame => frame.parts.some(part => part.kind === 'terminator'))
      if (isOver) expect(rest).toEqual([])
      else {
        expect(types.slice(-3)).toEqual(['content-delta', 'content-end', 'message-end'])
        const isStarted = all.slice(0, count).some(each => each.type === 'message-start')
        expect(types.includes('message-start')).toBe(!isStarted)
        const shown = rest
          .flatMap(({ parts }) => parts)
          .map(part => (part.kind === 'text-delta' ? part.text : ''))
        expect(shown.join('').endsWith(JSON.parse(JSON.stringify(message)))).toBe(true)
      }
    }),
    { numRuns },
  )
})
