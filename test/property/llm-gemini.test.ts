import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Frame, LlmFormat, LlmRequest, Part, TextEdit } from '../../src/llm/format.ts'
import { gemini, geminiArray, geminiEmbed, geminiSse, geminiTokenCount } from '../../src/llm/gemini/index.ts'
import { type ArrayFrame, openJsonArray } from '../../src/llm/json-array.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const RUNS = { numRuns: 100 }

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', 'x', '"\\', ']}', '},{', '\n\ndata: x\r\n', '\u0085\u2028\u2029', '😀', '\uFEFF'),
)
const some = { requiredKeys: [] }
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 })
const args = fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(text, list(text), fc.constant(1.5e300)))
const fragment = fc.record(
  { jsonPath: fc.constantFrom('$.a', '$.b'), stringValue: text, willContinue: fc.boolean() },
  some,
)

/** Every place where an answer can hold text, and some that hold none. */
const part = fc.record(
  {
    text,
    thought: fc.boolean(),
    functionCall: fc.record(
      { name: text, args, partialArgs: list(fragment), willContinue: fc.boolean() },
      some,
    ),
    functionResponse: fc.record({ response: args }),
    executableCode: fc.record({ language: fc.constant('PYTHON'), code: text }),
    codeExecutionResult: fc.record({ output: text }, some),
    inlineData: fc.constant({ mimeType: 'image/png', data: 'AA==' }),
    unknown: fc.jsonValue({ maxDepth: 2 }),
  },
  some,
)
const candidate = fc.record(
  {
    content: fc.record({ role: fc.constant('model'), parts: list(part) }),
    finishReason: fc.constantFrom('STOP', 'MAX_TOKENS'),
    finishMessage: text,
    groundingMetadata: fc.record({ webSearchQueries: list(text), x: fc.constant(1.5e300) }),
    logprobsResult: fc.record({ chosenCandidates: list(fc.record({ token: text })) }),
  },
  some,
)
const answer = fc.record(
  {
    candidates: list(candidate),
    usageMetadata: fc.constant({ totalTokenCount: 1 }),
    responseId: fc.constant('r'),
  },
  { requiredKeys: ['candidates'] },
)
const answers = fc.array(answer, { maxLength: 5 })
const cuts = fc.array(fc.nat({ max: 2000 }), { maxLength: 20 })

interface Way {
  readonly name: string
  readonly format: LlmFormat
  write(all: readonly unknown[], gap: string): string
}
const WAYS: readonly Way[] = [
  {
    name: 'events',
    format: geminiSse,
    write: (all, gap) => all.map(each => `data: ${JSON.stringify(each)}${gap}`).join(''),
  },
  {
    name: 'an array',
    format: geminiArray,
    write: (all, gap) =>
      `[${all.map(each => JSON.stringify(each, null, gap.length)).join(`${gap},${gap}`)}${gap}]`,
  },
]
const gap = fc.constantFrom('\n\n', '\r\n\r\n')

function chunksOf(bytes: Uint8Array, borders: readonly number[]): readonly Uint8Array[] {
  const all = [0, ...borders.map(cut => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b)
  return all.slice(1).map((border, index) => bytes.slice(all[index], border))
}

function decode(format: LlmFormat, bytes: Uint8Array, borders: readonly number[] = []): readonly Frame[] {
  const stream = format.openStream()
  return [...chunksOf(bytes, borders).flatMap(chunk => stream.push(chunk)), ...stream.end()]
}

/** Bytes as text: comparing long arrays number by number takes its time. */
const shown = (frames: readonly Frame[]) =>
  frames.map(frame => ({ ...frame, bytes: Buffer.from(frame.bytes).toString('latin1') }))

const textsOf = (parts: readonly Part[]) =>
  parts.flatMap(each => (each.kind === 'text-delta' && each.text !== '' ? [each] : []))

describe.each(WAYS)('decoding $name', ({ format, write }) => {
  test('gives the same frames however the bytes are cut, and the bytes are those that came', () => {
    fc.assert(
      fc.property(answers, gap, cuts, (all, between, borders) => {
        const bytes = encoder.encode(write(all, between))
        const frames = decode(format, bytes, borders)
        expect(shown(frames)).toEqual(shown(decode(format, bytes)))
        expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
      }),
      RUNS,
    )
  })

  test('says what the whole answers say, in order', () => {
    fc.assert(
      fc.property(answers, gap, (all, between) => {
        const streamed = textsOf(
          decode(format, encoder.encode(write(all, between))).flatMap(frame => frame.parts),
        )
        const whole = all.flatMap(each => {
          const decoded = gemini.decodeResponse(encoder.encode(JSON.stringify(each)))
          return decoded.kind === 'ok' ? decoded.value.segments : []
        })
        expect(streamed.map(each => [each.choice, each.textKind, each.text, each.path])).toEqual(
          whole.map(each => [each.message, each.kind, each.text, each.path]),
        )
      }),
      RUNS,
    )
  })

  test('lets no call go before it ends, and every call when the answer ends', () => {
    fc.assert(
      fc.property(answers, gap, (all, between) => {
        const open = new Set<number>()
        const last = { candidates: [0, 1, 2].map(index => ({ index, finishReason: 'STOP' })) }
        for (const { parts } of decode(format, encoder.encode(write([...all, last], between)))) {
          for (const each of parts) {
            if (each.kind === 'text-delta' && each.textKind === 'tool-call') open.add(each.choice)
            if (each.kind === 'finish') open.delete(each.choice)
          }
        }
        expect([...open]).toEqual([])
      }),
      RUNS,
    )
  })

  test('rewriting a frame changes the strings named and the logprobs that spell them, and no other byte', () => {
    let edited = 0
    fc.assert(
      fc.property(
        answers,
        gap,
        fc.array(fc.option(text), { minLength: 1, maxLength: 5 }),
        (all, between, picks) => {
          for (const frame of decode(format, encoder.encode(write(all, between)))) {
            const edits = textsOf(frame.parts).flatMap(({ path }, index): TextEdit[] => {
              const pick = picks[index % picks.length] ?? null
              return pick === null ? [] : [{ path, text: pick }]
            })
            const rewritten = format.rewriteFrame(frame, edits)
            if (edits.length === 0) expect(rewritten).toBe(frame)
            else expectEdited(frame, rewritten, edits)
            edited += edits.length
          }
        },
      ),
      RUNS,
    )
    expect(edited).toBeGreaterThan(100)
  })
})

/** Takes the JSON out of a frame, edits it the plain way, and compares; what stands around it must be the same. */
function expectEdited(before: Frame, after: Frame, edits: readonly TextEdit[]): void {
  const split = (bytes: Uint8Array) => {
    const all = decoder.decode(bytes)
    const [start, end] = [all.indexOf('{'), all.lastIndexOf('}') + 1]
    return { around: [all.slice(0, start), all.slice(end)], json: all.slice(start, end) }
  }
  const [was, is] = [split(before.bytes), split(after.bytes)]
  expect(is.around).toEqual(was.around)
  const wanted = JSON.parse(was.json)
  for (const { path, text: value } of edits) {
    const parent = path.slice(0, -1).reduce((at, step) => at[step], wanted)
    parent[path.at(-1)!] = value
    const owner = wanted[path[0]!][path[1]!]
    if (path[0] === 'candidates' && owner.logprobsResult !== undefined) owner.logprobsResult = null
  }
  expect(JSON.parse(is.json)).toEqual(wanted)
  // A number that JSON would write otherwise shows that nothing was serialised anew.
  expect(is.json.split('1.5e+300').length).toBe(was.json.split('1.5e+300').length)
  const texts = new Map(edits.map(edit => [JSON.stringify(edit.path), edit.text]))
  expect(after.parts).toEqual(
    before.parts.map(each =>
      each.kind === 'text-delta'
        ? { ...each, text: texts.get(JSON.stringify(each.path)) ?? each.text }
        : each,
    ),
  )
}

describe('a refusal at any point of a stream', () => {
  const requestOf = (choices: number): LlmRequest => ({
    model: 'm',
    streams: true,
    choices,
    segments: [],
    uninspectable: 0,
    structuredOutput: false,
    streamUsage: false,
  })

  test.each(WAYS)(
    'of $name says no once in every open candidate, and ends what is open',
    ({ format, write }) => {
      fc.assert(
        fc.property(
          answers,
          gap,
          fc.nat(6),
          fc.integer({ min: 1, max: 4 }),
          (all, between, count, choices) => {
            const frames = decode(format, encoder.encode(write(all, between))).slice(0, count)
            const at = format.openPosition()
            for (const frame of frames) at.released(frame)
            const refusal = {
              message: 'no',
              id: '0',
              createdSec: 2,
              finishReason: 'auto',
              request: requestOf(choices),
            } as const
            const rest = format.streamRefusal(refusal, at)
            const isOver = frames.some(({ parts }) => parts.some(({ kind }) => kind === 'terminator'))
            if (isOver) expect(rest).toHaveLength(0)

            const seen = Buffer.concat([...frames.map(frame => frame.bytes), rest])
            const read = decode(format, seen)
            expect(read.flatMap(({ parts }) => parts).filter(({ kind }) => kind === 'undecodable')).toEqual(
              [],
            )
            if (format === geminiArray) expect(Array.isArray(JSON.parse(seen.toString()))).toBe(true)
            const said = read.slice(frames.length).flatMap(({ parts }) => textsOf(parts))
            expect(said.map(each => each.text.trimStart())).toEqual(said.map(() => 'no'))
            expect(new Set(said.map(each => each.choice)).size).toBe(said.length)
            if (!isOver && frames.length === 0) expect(said).toHaveLength(choices)
          },
        ),
        RUNS,
      )
    },
  )
})

describe('any input', () => {
  const value = fc.jsonValue({ maxDepth: 5 })

  test('never makes a decoder throw', () => {
    fc.assert(
      fc.property(
        value,
        fc.constantFrom('root', 'contents', 'parts', 'part', 'candidates', 'content'),
        (any, at) => {
          const shapes: Record<string, unknown> = {
            contents: { contents: any, systemInstruction: any, requests: any, content: any },
            parts: { contents: [{ parts: any }], candidates: [{ content: { parts: any } }] },
            part: { contents: [{ parts: [{ text: any, functionCall: any, functionResponse: any }] }] },
            candidates: { candidates: any, promptFeedback: any },
            content: {
              candidates: [{ content: any, groundingMetadata: any, index: any, finishReason: any }],
            },
          }
          const json = JSON.stringify(at === 'root' ? any : shapes[at])
          const body = encoder.encode(json)
          for (const format of [gemini, geminiSse, geminiArray, geminiTokenCount, geminiEmbed]) {
            expect(['ok', 'undecodable']).toContain(
              format.decodeRequest(body, { path: '/x', query: '' }).kind,
            )
            expect(['ok', 'undecodable']).toContain(format.decodeResponse(body).kind)
            expect([true, false]).toContain(format.claimsResponse(JSON.parse(json)))
          }
          expect(decode(geminiSse, encoder.encode(`data: ${json}\n\n`))).toHaveLength(1)
          expect(decode(geminiArray, encoder.encode(`[${json}]`))).toHaveLength(2)
        },
      ),
      RUNS,
    )
  })

  test('that is an array gives its elements; that is none is undecodable somewhere', () => {
    const piece = fc.oneof(
      fc.constantFrom('[', ']', '{', '}', ',', '"', '\\', ' ', '\n', '1', 'null', '{}', '"a"', '\uFEFF', 'é'),
      fc.jsonValue({ maxDepth: 2 }).map(any => JSON.stringify(any)),
    )
    const array = list(fc.jsonValue({ maxDepth: 3 })).map(all => JSON.stringify(all, null, 1))
    const input = fc.oneof(
      array,
      fc.array(piece, { maxLength: 12 }).map(pieces => pieces.join('')),
    )
    fc.assert(
      fc.property(input, cuts, (json, borders) => {
        const bytes = encoder.encode(json)
        const framer = openJsonArray()
        const frames: ArrayFrame[] = [
          ...chunksOf(bytes, borders).flatMap(chunk => framer.push(chunk)),
          ...framer.end(),
        ]
        expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
        const elements = frames.flatMap(frame => (frame.kind === 'element' ? [frame.value] : []))
        const parsed = parsedArray(json)
        const isWhole =
          frames.some(({ kind }) => kind === 'end') && !frames.some(({ kind }) => kind === 'undecodable')
        expect(isWhole).toBe(parsed !== undefined)
        if (parsed !== undefined) expect(elements).toEqual(parsed)
      }),
      { numRuns: 300 },
    )
  })
})

function parsedArray(json: string): unknown {
  try {
    const parsed: unknown = JSON.parse(json.replace(/^\uFEFF/, ''))
    return Array.isArray(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

test.each([
  ['text.sse', geminiSse],
  ['streamed-call.sse', geminiSse],
  ['code-execution.sse', geminiSse],
  ['text.array.json', geminiArray],
  ['compact.array.json', geminiArray],
])('%s, cut anywhere, is the same', (name, format) => {
  const bytes = new Uint8Array(readFileSync(new URL(`../fixtures/gemini/${name}`, import.meta.url)))
  fc.assert(
    fc.property(fc.array(fc.nat({ max: bytes.length }), { maxLength: 30 }), borders => {
      expect(shown(decode(format, bytes, borders))).toEqual(shown(decode(format, bytes)))
    }),
    RUNS,
  )
})
