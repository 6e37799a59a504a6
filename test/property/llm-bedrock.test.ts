import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bedrockConverseStream, novaMessages } from '../../src/llm/bedrock-converse/index.ts'
import { bedrockInvokeStream, titanText } from '../../src/llm/bedrock-invoke/index.ts'
import type { Frame, LlmFormat, Part, TextEdit } from '../../src/llm/format.ts'
import { openaiChat } from '../../src/llm/openai-chat/index.ts'
import { readWire, type WireLine, wireFrame, wireFrames } from '../support/bedrock.ts'

const RUNS = { numRuns: 100 }
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', 'x', '"\\', '\n\ndata: x\r\n', '\u2028', '😀', '\ud83e', '\uFEFF', ']}'),
)
const some = { requiredKeys: [] }
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 })

const delta = fc.record(
  {
    text,
    toolUse: fc.record({ input: fc.oneof(text, fc.dictionary(text, text, { maxKeys: 2 })) }, some),
    reasoningContent: fc.record({ text, signature: text, redactedContent: text }, some),
    toolResult: list(fc.record({ text, json: fc.jsonValue({ maxDepth: 2 }) }, some)),
    citation: fc.record({ title: text, source: text, sourceContent: list(fc.record({ text })) }, some),
    poem: fc.jsonValue({ maxDepth: 2 }),
  },
  some,
)
const contentBlockIndex = fc.nat(3)
const event: fc.Arbitrary<{ event: string; payload: Record<string, unknown> }> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      event: fc.constant('contentBlockDelta'),
      payload: fc.record({ contentBlockIndex, delta, p: text }),
    }),
  },
  fc.record({
    event: fc.constant('contentBlockStart'),
    payload: fc.record({ contentBlockIndex, start: fc.record({ toolUse: fc.record({ name: text }) }, some) }),
  }),
  fc.record({ event: fc.constant('contentBlockStop'), payload: fc.record({ contentBlockIndex }) }),
  fc.record({
    event: fc.constantFrom('messageStart', 'messageStop', 'metadata', 'poem'),
    payload: fc.record({ role: text, additionalModelResponseFields: fc.jsonValue({ maxDepth: 2 }) }, some),
  }),
)
const events = fc.array(event, { maxLength: 10 })
const cuts = fc.array(fc.nat({ max: 4000 }), { maxLength: 20 })

/** How an event travels in each of the formats. */
const WAYS: readonly [string, LlmFormat, (line: { event: string; payload: unknown }) => WireLine][] = [
  ['Converse', bedrockConverseStream, line => line],
  ['Nova, invoked', bedrockInvokeStream(novaMessages), line => ({ chunk: { [line.event]: line.payload } })],
]

function decode(format: LlmFormat, bytes: Uint8Array, at: readonly number[] = []): readonly Frame[] {
  const stream = format.openStream()
  const borders = [0, ...at.map(cut => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b)
  const chunks = borders
    .slice(1)
    .map((border, index) => Uint8Array.from(bytes.subarray(borders[index], border)))
  return [...chunks.flatMap(chunk => stream.push(chunk)), ...stream.end()]
}

const plain = (frames: readonly Frame[]) =>
  frames.map(({ bytes, parts }) => ({ bytes: Buffer.from(bytes).toString('base64'), parts }))
const textParts = (parts: readonly Part[]) =>
  parts.flatMap(part => (part.kind === 'text-delta' ? [part] : []))

describe.each(WAYS)('%s', (_, format, toWire) => {
  const encode = (all: readonly { event: string; payload: unknown }[]) =>
    Buffer.concat(all.map(line => wireFrame(toWire(line))))

  test('the same frames and parts however the bytes are cut, and none of the bytes lost', () => {
    fc.assert(
      fc.property(events, cuts, fc.nat(3), (all, at, lost) => {
        const whole = encode(all)
        const bytes = whole.subarray(0, Math.max(0, whole.length - lost))
        const frames = decode(format, bytes, at)
        expect(plain(frames)).toEqual(plain(decode(format, bytes)))
        expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
      }),
      RUNS,
    )
  })

  test('bytes that are damaged anywhere are kept, and are never read as text', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), cuts, (where, flip, at) => {
        const bytes = encode([
          { event: 'contentBlockDelta', payload: { contentBlockIndex: 0, delta: { text: 'x' } } },
        ])
        bytes[where % bytes.length]! ^= flip
        const frames = decode(format, bytes, at)
        expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
        const reason = { kind: 'undecodable', reason: 'not-event-stream' }
        expect(frames.flatMap(({ parts }) => parts)).toEqual(frames.map(() => reason))
      }),
      RUNS,
    )
  })

  test('rewriting changes the texts that are named and nothing else', () => {
    let edited = 0
    fc.assert(
      fc.property(event, fc.array(fc.option(text), { minLength: 1, maxLength: 4 }), (line, picks) => {
        const [frame] = decode(format, encode([line]))
        const edits = textParts(frame!.parts).flatMap(({ path, text: said }, index): TextEdit[] => {
          const pick = picks[index % picks.length] ?? null
          // A call that begins has no text, nor a place for one.
          return pick === null || said === '' ? [] : [{ path, text: pick }]
        })
        edited += edits.length
        const rewritten = format.rewriteFrame(frame!, edits)
        if (edits.length === 0) {
          expect(rewritten).toBe(frame)
          return
        }
        const steps = format === bedrockConverseStream ? [] : [line.event]
        const wanted = structuredClone(JSON.parse(JSON.stringify(line.payload)))
        for (const { path, text: after } of edits) setAt(wanted, path.slice(steps.length), after)
        // AWS's own codec reads it, and checks it.
        const [read] = readWire(rewritten.bytes)
        expect(read).toEqual(toWire({ event: line.event, payload: JSON.parse(JSON.stringify(wanted)) }))
        const said = new Map(edits.map(({ path, text: after }) => [JSON.stringify(path), after]))
        const expected = frame!.parts.map(part =>
          part.kind === 'text-delta'
            ? { ...part, text: said.get(JSON.stringify(part.path)) ?? part.text }
            : part,
        )
        expect(rewritten.parts).toEqual(expected)
      }),
      RUNS,
    )
    expect(edited).toBeGreaterThan(50)
  })

  test('a refusal at any point closes what is open, once, and ends the stream', () => {
    fc.assert(
      fc.property(events, fc.nat(10), (all, count) => {
        const frames = decode(format, encode(all)).slice(0, count)
        const at = format.openPosition()
        for (const frame of frames) at.released(frame)
        const refusal = {
          message: 'no',
          id: '0',
          createdSec: 2,
          finishReason: 'auto',
          request: undefined,
        } as const
        const seen = frames.some(({ parts }) => parts.some(({ kind }) => kind === 'terminator'))
        const rest = decode(format, format.streamRefusal(refusal, at)).flatMap(({ parts }) => parts)
        if (seen) expect(rest).toEqual([])
        else {
          const [said, ...more] = textParts(rest)
          expect(more).toEqual([])
          expect(said?.text.trim()).toBe('no')
          const open = new Set<number>()
          for (const line of all.slice(0, count)) {
            const index = Number(line.payload.contentBlockIndex)
            if (line.event === 'contentBlockStop') open.delete(index)
            else if (line.event.startsWith('contentBlock')) open.add(index)
          }
          const closed = rest.flatMap(part => (part.kind === 'finish' ? (part.block ?? []) : []))
          expect(closed).toEqual([...open, said!.block])
          expect(rest.at(-1)).toEqual({ kind: 'terminator' })
        }
      }),
      RUNS,
    )
  })
})

function setAt(value: unknown, path: readonly (string | number)[], after: string): void {
  const [step, ...rest] = path
  const holder = value as Record<string | number, unknown>
  if (rest.length === 0) holder[step!] = after
  else setAt(holder[step!], rest, after)
}

test('recorded streams, cut anywhere', () => {
  const formats: readonly [string, LlmFormat][] = [
    ['converse-tools.jsonl', bedrockConverseStream],
    ['converse-guardrail.jsonl', bedrockConverseStream],
    ['invoke-nova.jsonl', bedrockInvokeStream(novaMessages)],
    ['invoke-titan.jsonl', bedrockInvokeStream(titanText)],
  ]
  fc.assert(
    fc.property(fc.constantFrom(...formats), cuts, ([name, format], at) => {
      const bytes = Buffer.concat(wireFrames(name))
      expect(plain(decode(format, bytes, at))).toEqual(plain(decode(format, bytes)))
    }),
    RUNS,
  )
})

test('never throws, whatever the payloads and bodies', () => {
  const place = { path: '/model/m/invoke', query: '' }
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(...BLOCKS), (value, member) => {
      const blocks = [value, { [member]: value }, { toolResult: { content: [{ [member]: value }] } }]
      const lines: readonly WireLine[] = [
        { event: 'contentBlockDelta', payload: value },
        { event: 'contentBlockDelta', payload: { contentBlockIndex: 0, delta: { [member]: value } } },
        { event: 'contentBlockStart', payload: { contentBlockIndex: 0, start: { [member]: value } } },
        { event: 'metadata', payload: { trace: value } },
        { event: 'chunk', payload: value },
        { chunk: value },
      ]
      const body = Buffer.from(
        JSON.stringify({
          system: blocks,
          messages: [{ content: blocks }],
          output: { message: { content: blocks } },
        }),
      )
      const wholes = [body, Buffer.from(JSON.stringify(value))]
      for (const format of [bedrockConverseStream, ...INVOKED]) {
        expect(decode(format, Buffer.concat(lines.map(wireFrame)))).toHaveLength(lines.length)
        for (const one of wholes) {
          expect(['ok', 'undecodable']).toContain(format.decodeRequest(one, place).kind)
          expect(['ok', 'undecodable']).toContain(format.decodeResponse(one).kind)
        }
        expect(typeof format.claimsResponse(value)).toBe('boolean')
      }
    }),
    RUNS,
  )
})

const INVOKED = [novaMessages, titanText, openaiChat].map(bedrockInvokeStream)
const BLOCKS = [
  'text',
  'document',
  'toolUse',
  'toolResult',
  'guardContent',
  'reasoningContent',
  'citationsContent',
  'citation',
  'searchResult',
  'json',
  'image',
  '__proto__',
]
