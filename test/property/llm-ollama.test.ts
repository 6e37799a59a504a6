import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Frame, JsonPath, LlmFormat, TextEdit } from '../../src/llm/format.ts'
import { isJsonObject } from '../../src/llm/json-body.ts'
import { ollamaChat } from '../../src/llm/ollama-chat/index.ts'
import { ollamaGenerate } from '../../src/llm/ollama-generate/index.ts'

const fixtures = new URL('../fixtures/ollama/', import.meta.url)
const encoder = new TextEncoder()
const textOf = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

const formats = [ollamaChat, ollamaGenerate] as const
const format = fc.constantFrom<LlmFormat>(...formats)
const numRuns = 100

function decode(given: LlmFormat, bytes: Uint8Array, cuts: readonly number[] = []): readonly Frame[] {
  const stream = given.openStream()
  const borders = [0, ...cuts.map(cut => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  const chunks = borders.slice(1).map((border, index) => bytes.slice(borders[index], border))
  return [...chunks.flatMap(chunk => stream.push(chunk)), ...stream.end()]
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', 'x', '"\\', '\n{"done":true}\r\n', '\u0085\u2028\u2029', '😀', '\ud83e', '\uFEFF'),
)
const some = { requiredKeys: [] }
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 })
const args = fc.oneof(
  text,
  fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(text, list(text)), { maxKeys: 2 }),
)
const said = {
  thinking: text,
  tool_calls: list(fc.record({ function: fc.record({ name: text, arguments: args }, some) }, some)),
  images: list(text),
}
const facts = {
  model: text,
  created_at: text,
  done: fc.boolean(),
  logprobs: fc.oneof(fc.constant(null), list(fc.record({ token: text, logprob: fc.double() }, some))),
  unknown: fc.jsonValue({ maxDepth: 2 }),
}
/** A line of either endpoint, with texts in every place that one can stand in. */
const line = fc.oneof(
  fc.record(
    { message: fc.record({ content: text, ...said }, some), ...facts },
    { requiredKeys: ['message'] },
  ),
  fc.record({ response: text, ...said, ...facts }, { requiredKeys: ['response'] }),
  fc.record({ error: text }),
)
const lineEnd = fc.constantFrom('\n', '\r\n', '\n\n', ' \n\t\r\n')
const lines = fc.array(fc.tuple(line, lineEnd), { maxLength: 6 })
const toBytes = (all: readonly (readonly [unknown, string])[]) =>
  encoder.encode(all.map(([value, end]) => JSON.stringify(value) + end).join(''))

describe('decoding a stream', () => {
  test.each(readdirSync(fixtures).filter(name => name.endsWith('.ndjson')))('%s, byte by byte', name => {
    const bytes = new Uint8Array(readFileSync(new URL(name, fixtures)))
    const own = name.startsWith('chat') ? ollamaChat : ollamaGenerate
    const whole = decode(own, bytes)
    expect(decode(own, bytes, [...bytes.keys()])).toEqual(whole)
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 8 }), cuts => {
        expect(decode(own, bytes, cuts)).toEqual(whole)
      }),
      { numRuns: 20 },
    )
  })

  test('any bytes come out as they went in, with the same parts however they were cut', () => {
    const noise = fc.oneof(
      lines.map(toBytes),
      fc.uint8Array({ maxLength: 40 }),
      fc
        .string({ unit: fc.constantFrom('{', '}', '"', '\n', '\r', ' ', '\uFEFF', '1'), maxLength: 20 })
        .map(noisy => encoder.encode(noisy)),
    )
    fc.assert(
      fc.property(format, noise, fc.array(fc.nat(), { maxLength: 12 }), (given, bytes, cuts) => {
        const whole = decode(given, bytes)
        expect(decode(given, bytes, cuts)).toEqual(whole)
        expect(Buffer.concat(whole.map(frame => frame.bytes))).toEqual(Buffer.from(bytes))
      }),
      { numRuns },
    )
  })

  test('never throws, whatever the value', () => {
    fc.assert(
      fc.property(
        format,
        fc.jsonValue({ maxDepth: 5 }),
        fc.constantFrom('message', 'response', 'root'),
        (given, value, at) => {
          const root = at === 'root' ? value : { [at]: value, messages: [value], prompt: value }
          const body = encoder.encode(JSON.stringify(root))
          expect(['ok', 'undecodable']).toContain(given.decodeRequest(body, { path: '', query: '' }).kind)
          expect(['ok', 'undecodable']).toContain(given.decodeResponse(body).kind)
          expect(Buffer.concat(decode(given, body).map(({ bytes }) => bytes))).toEqual(Buffer.from(body))
          expect(typeof given.claimsResponse(root)).toBe('boolean')
        },
      ),
      { numRuns },
    )
  })
})

/** The value with the texts of `edits` and without `logprobs` and `context`, done the plain way. */
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
        path.length === 0 && (key === 'logprobs' || key === 'context') ? null : walk(item, [...path, key]),
      ]),
    )
  }
  return walk(value, [])
}

test('rewriting a frame changes the texts named and what spells them, and nothing else', () => {
  let count = 0
  const picks = fc.array(fc.option(text), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(line, lineEnd, picks, (value, end, choices) => {
      const given: LlmFormat = 'message' in value ? ollamaChat : ollamaGenerate
      const json = JSON.stringify(value)
      const [frame] = decode(given, encoder.encode(json + end))
      const edits = frame!.parts
        .flatMap(part => (part.kind === 'text-delta' && part.text !== '' ? [part.path] : []))
        .flatMap((path, index): TextEdit[] => {
          const pick = choices[index % choices.length] ?? null
          return pick === null ? [] : [{ path, text: pick }]
        })
      count += edits.length
      const after = given.rewriteFrame(frame!, edits)
      const tail = textOf(frame!.bytes).slice(json.length)
      if (edits.length === 0) expect(after).toBe(frame)
      else {
        const spelled = JSON.stringify(edited(JSON.parse(json), edits))
        const changed = textOf(after.bytes)
        expect(changed.slice(changed.length - tail.length)).toBe(tail)
        expect(JSON.stringify(JSON.parse(changed))).toBe(spelled)
        expect(decode(given, after.bytes)).toHaveLength(1)
      }
      const unsaid = (part: object) => ({ ...part, text: '' })
      expect(after.parts.map(unsaid)).toEqual(frame!.parts.map(unsaid))
    }),
    { numRuns },
  )
  expect(count).toBeGreaterThan(20)
})

test('a refusal at any point ends the stream with its text and one last line', () => {
  fc.assert(
    fc.property(format, lines, fc.nat({ max: 6 }), text, (given, all, count, message) => {
      const frames = decode(given, toBytes(all)).slice(0, count)
      const at = given.openPosition()
      for (const frame of frames) at.released(frame)
      const refusal = { message, id: '0', createdSec: 0, finishReason: 'auto', request: undefined } as const
      const rest = decode(given, given.streamRefusal(refusal, at))
      const parts = rest.flatMap(frame => frame.parts)
      const isOver = frames.some(frame => frame.parts.some(part => part.kind === 'terminator'))
      expect(parts.filter(part => part.kind === 'terminator')).toHaveLength(isOver ? 0 : 1)
      const shown = parts.map(part => (part.kind === 'text-delta' ? part.text : '')).join('')
      expect(isOver ? shown === '' : shown.endsWith(JSON.parse(JSON.stringify(message)))).toBe(true)
      if (!isOver) expect(rest.at(-1)?.parts.at(-1)).toEqual({ kind: 'terminator' })
    }),
    { numRuns },
  )
})
