import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Frame, JsonPath, LlmRequest, Part, TextEdit } from '../../src/llm/format.ts'
import { isJsonObject } from '../../src/llm/json-body.ts'
import { mcp } from '../../src/llm/mcp/index.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const RUNS = { numRuns: 100 }

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', 'x', '"\\', '\n\ndata: x\r\n', '\u0085\u2028\u2029', '😀', '\ud83e', '\uFEFF', ']}'),
)
const some = { requiredKeys: [] }
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 })
/** Data of somebody's own, under names that mean something elsewhere. */
const data = fc.dictionary(
  fc.constantFrom('a', 'type', 'name', 'content', 'data', '__proto__', 'constructor'),
  fc.oneof(text, list(text), fc.integer()),
  { maxKeys: 3 },
)

const block = fc.record(
  {
    type: fc.constantFrom(
      'text',
      'image',
      'resource',
      'resource_link',
      'tool_use',
      'tool_result',
      'other',
      7,
    ),
    text,
    name: text,
    uri: text,
    data: text,
    resource: fc.record({ uri: text, text, blob: text }, some),
    input: fc.oneof(data, text),
    content: list(fc.record({ type: fc.constant('text'), text })),
  },
  some,
)
const members = fc.record(
  {
    content: fc.oneof(list(block), block, text, data),
    structuredContent: data,
    arguments: fc.oneof(data, text),
    messages: list(fc.record({ role: fc.constantFrom('user', 'assistant', 'x'), content: block }, some)),
    systemPrompt: text,
    tools: list(fc.record({ name: text, description: text, inputSchema: data }, some)),
    action: fc.constantFrom('accept', 1),
    message: text,
    nextCursor: text,
    _meta: data,
    inputRequests: fc.dictionary(fc.constantFrom('a', 'name'), fc.record({ params: data })),
    unknown: fc.jsonValue({ maxDepth: 3 }),
  },
  some,
)
const id = fc.oneof(fc.nat({ max: 3 }), fc.constantFrom('a', '1'))
const message = fc.oneof(
  fc.record({ jsonrpc: fc.constant('2.0'), id, result: members }),
  fc.record({
    jsonrpc: fc.constant('2.0'),
    id,
    error: fc.record({ code: fc.integer(), message: text, data }),
  }),
  fc.record({
    jsonrpc: fc.constant('2.0'),
    id,
    method: fc.constantFrom('tools/call', 'sampling/createMessage', 'x'),
    params: members,
  }),
  fc.record({ jsonrpc: fc.constant('2.0'), method: fc.constant('notifications/message'), params: members }),
)
const messages = fc.oneof(message, fc.array(message, { minLength: 1, maxLength: 3 }))

const lineEnds = fc.constantFrom('\n', '\r\n', '\r')
const head = fc.constantFrom('', 'event: message', 'id: "x"', ': note', 'event: message|id: 7|retry: 1')

function toEvent(json: string, before: string, lineEnd: string): string {
  const lines = [
    ...(before === '' ? [] : before.split('|')),
    ...json.split('\n').map(line => `data: ${line}`),
  ]
  return `${lines.join(lineEnd)}${lineEnd}${lineEnd}`
}
const event = fc
  .tuple(messages, head, lineEnds, fc.constantFrom(undefined, '\t'))
  .map(([value, before, lineEnd, indent]) => ({
    value,
    bytes: encoder.encode(toEvent(JSON.stringify(value, null, indent), before, lineEnd)),
  }))

function decode(bytes: Uint8Array, cuts: readonly number[]): readonly Frame[] {
  const stream = mcp.openStream()
  const borders = [0, ...cuts.map(cut => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b)
  const chunks = borders.slice(1).map((border, index) => bytes.slice(borders[index], border))
  return [...chunks.flatMap(chunk => stream.push(chunk)), ...stream.end()]
}

const deltasOf = (parts: readonly Part[]) => parts.flatMap(part => (part.kind === 'text-delta' ? [part] : []))

function unsaid(part: Part): Part {
  return part.kind === 'text-delta' ? { ...part, text: '' } : part
}

function valueAt(value: unknown, path: JsonPath): unknown {
  return path.reduce<unknown>((at, step) => {
    if (Array.isArray(at)) return at[Number(step)]
    return isJsonObject(at) ? at[step] : undefined
  }, value)
}

/** The value with what stands at `path` replaced, done the plain way. */
function withValue(value: unknown, path: JsonPath, replacement: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return replacement
  if (Array.isArray(value))
    return value.map((item, index) => (index === step ? withValue(item, rest, replacement) : item))
  if (!isJsonObject(value)) throw new Error('no such path')
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === step ? withValue(item, rest, replacement) : item,
    ]),
  )
}

describe('decoding a stream', () => {
  const events = fc.array(event, { maxLength: 5 })
  const cuts = fc.array(fc.nat({ max: 3000 }), { maxLength: 20 })

  test('gives the same frames and parts however the bytes are cut, and no byte is lost', () => {
    fc.assert(
      fc.property(events, cuts, (all, at) => {
        const bytes = encoder.encode(all.map(each => decoder.decode(each.bytes)).join(''))
        const frames = decode(bytes, at)
        expect(frames).toEqual(decode(bytes, []))
        expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
      }),
      RUNS,
    )
  })

  test('gives each text a block of its own and the path to itself', () => {
    fc.assert(
      fc.property(events, all => {
        const bytes = encoder.encode(all.map(each => decoder.decode(each.bytes)).join(''))
        const frames = decode(bytes, [])
        expect(frames).toHaveLength(all.length)
        const blocks = frames.flatMap(({ parts }) => deltasOf(parts).map(part => part.block))
        expect(blocks).toEqual(blocks.map((_, index) => index))
        for (const [index, { parts }] of frames.entries()) {
          const written: unknown = JSON.parse(JSON.stringify(all[index]!.value))
          for (const part of deltasOf(parts)) expect(valueAt(written, part.path)).toBe(part.text)
        }
      }),
      RUNS,
    )
  })

  test('reads what a whole body of the same messages says', () => {
    fc.assert(
      fc.property(event, ({ value, bytes }) => {
        const whole = mcp.decodeResponse(encoder.encode(JSON.stringify(value)))
        const parts = decode(bytes, []).flatMap(frame => frame.parts)
        const streamed = deltasOf(parts).map(part => [part.textKind, part.text, part.path, part.syntax])
        const said = whole.kind === 'ok' ? whole.value.segments : []
        expect(streamed).toEqual(said.map(({ kind, text: one, path, syntax }) => [kind, one, path, syntax]))
        expect(parts.filter(part => part.kind === 'uninspectable')).toHaveLength(
          whole.kind === 'ok' ? whole.value.uninspectable : -1,
        )
      }),
      RUNS,
    )
  })

  test('never throws, whatever the data', () => {
    const place = fc.constantFrom('root', 'result', 'params', 'content', 'messages', 'inputSchema', '_meta')
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), place, (value, at) => {
        const top = at === 'root' || at === 'result' || at === 'params'
        const body = top
          ? { root: value, result: { result: value }, params: { method: 'tools/call', params: value } }[at]
          : { id: 1, result: { [at]: value } }
        const bytes = encoder.encode(JSON.stringify(body))
        expect(decode(encoder.encode(`data: ${JSON.stringify(body)}\n\n`), [])).toHaveLength(1)
        expect(['ok', 'undecodable']).toContain(mcp.decodeRequest(bytes).kind)
        expect(['ok', 'undecodable']).toContain(mcp.decodeResponse(bytes).kind)
      }),
      RUNS,
    )
  })
})

describe('rewriting', () => {
  const picks = fc.array(fc.option(text), { minLength: 1, maxLength: 6 })

  test('a frame: the strings named change, and no other byte', () => {
    let edited = 0
    fc.assert(
      fc.property(event, picks, ({ value, bytes }, choices) => {
        const frame = decode(bytes, [])[0]!
        const edits = deltasOf(frame.parts).flatMap(({ path }, index): TextEdit[] => {
          const pick = choices[index % choices.length] ?? null
          return pick === null ? [] : [{ path, text: pick }]
        })
        edited += edits.length
        const rewritten = mcp.rewriteFrame(frame, edits)
        const before = decoder.decode(bytes)
        const after = decoder.decode(rewritten.bytes)
        // Meaning: the same JSON with those strings replaced.
        const dataOf = (raw: string) =>
          raw.split(/\r\n|\n|\r/).flatMap(line => (line.startsWith('data: ') ? [line.slice(6)] : []))
        const wanted = edits.reduce<unknown>((json, edit) => withValue(json, edit.path, edit.text), value)
        expect(JSON.parse(dataOf(after).join('\n'))).toEqual(JSON.parse(JSON.stringify(wanted)))
        // Bytes: taken out of both, the strings leave the same.
        const skeleton = (raw: string) => raw.replace(/"(?:[^"\\]|\\.)*"/g, '""')
        expect(skeleton(after)).toBe(skeleton(before))
        // Parts: what the bytes now say.
        const written: unknown = JSON.parse(dataOf(after).join('\n'))
        expect(rewritten.parts.map(unsaid)).toEqual(frame.parts.map(unsaid))
        for (const part of deltasOf(rewritten.parts)) expect(valueAt(written, part.path)).toBe(part.text)
        if (edits.length === 0) expect(rewritten).toBe(frame)
      }),
      RUNS,
    )
    expect(edited).toBeGreaterThan(50)
  })

  test('a body: the strings named change, and no other byte', () => {
    fc.assert(
      fc.property(messages, picks, (value, choices) => {
        const body = encoder.encode(JSON.stringify(value, null, 1))
        const read = mcp.decodeRequest(body)
        if (read.kind !== 'ok') throw new Error(read.reason)
        const edits = read.value.segments.flatMap(({ path }, index): TextEdit[] => {
          const pick = choices[index % choices.length] ?? null
          return pick === null ? [] : [{ path, text: pick }]
        })
        const wanted = edits.reduce<unknown>((json, edit) => withValue(json, edit.path, edit.text), value)
        expect(decoder.decode(mcp.rewrite(body, edits))).toBe(JSON.stringify(wanted, null, 1))
      }),
      RUNS,
    )
  })
})

test('a refusal at any point answers every message that was asked, once', () => {
  const request = (ids: readonly (string | number)[]): LlmRequest => {
    const calls = ids.map((one, index) => ({ id: one, method: index % 2 === 0 ? 'tools/call' : 'ping' }))
    const decoded = mcp.decodeRequest(encoder.encode(JSON.stringify(calls)))
    if (decoded.kind !== 'ok') throw new Error(decoded.reason)
    return decoded.value
  }
  const ids = fc.uniqueArray(id, { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(ids, fc.array(id, { maxLength: 4 }), fc.boolean(), (asked, answers, again) => {
      const released = answers.map(
        one => `data: ${JSON.stringify({ jsonrpc: '2.0', id: one, result: {} })}\n\n`,
      )
      const at = mcp.openPosition()
      for (const frame of decode(encoder.encode(released.join('')), [])) {
        at.released(again ? { bytes: frame.bytes, parts: frame.parts } : frame)
      }
      const refusal = {
        message: 'no',
        id: '0',
        createdSec: 2,
        finishReason: 'auto',
        request: request(asked),
      } as const
      const rest = decoder.decode(mcp.streamRefusal(refusal, at)).split('\n\n').slice(0, -1)
      const refused = rest.map(one => JSON.parse(one.slice('event: message\ndata: '.length)).id)
      expect(refused).toEqual(asked.filter(one => !answers.includes(one)))
    }),
    RUNS,
  )
})
