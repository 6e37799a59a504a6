import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readEventStream } from '../../src/exchange/stream-text.ts'
import type { Frame, JsonPath, TextEdit, TextPart } from '../../src/llm/format.ts'
import { isJsonObject, type JsonObject } from '../../src/llm/json-body.ts'
import { openaiResponses } from '../../src/llm/openai-responses/index.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const runs = { numRuns: 100 }

const piece = fc.string({ unit: 'binary', minLength: 1, maxLength: 6 })
const pieces = fc.array(piece, { minLength: 1, maxLength: 4 })

/** One item of an answer: how it is told step by step, and what it comes to. */
interface Told {
  readonly events: readonly JsonObject[]
  readonly item: JsonObject
}
type Teller = (index: number) => Told

function tellMessage(part: 'output_text' | 'refusal', deltas: readonly string[]): Teller {
  return index => {
    const text = deltas.join('')
    const id = `msg_${index}`
    const at = { item_id: id, output_index: index, content_index: 0 }
    const field = part === 'refusal' ? 'refusal' : 'text'
    const whole = (said: string) => ({
      type: part,
      [field]: said,
      ...(field === 'text' ? { annotations: [] } : {}),
    })
    const item = { type: 'message', id, role: 'assistant', status: 'completed', content: [whole(text)] }
    const events = [
      { type: 'response.output_item.added', output_index: index, item: { ...item, content: [] } },
      { type: 'response.content_part.added', ...at, part: whole('') },
      ...deltas.map(delta => ({
        type: `response.${part}.delta`,
        ...at,
        delta,
        logprobs: [{ token: delta }],
      })),
      { type: `response.${part}.done`, ...at, [field]: text, logprobs: [{ token: text }] },
      { type: 'response.content_part.done', ...at, part: whole(text) },
      { type: 'response.output_item.done', output_index: index, item },
    ]
    return { item, events }
  }
}

function tellReasoning(deltas: readonly string[]): Teller {
  return index => {
    const part = { type: 'summary_text', text: deltas.join('') }
    const id = `rs_${index}`
    const at = { item_id: id, output_index: index, summary_index: 0 }
    const item = { type: 'reasoning', id, summary: [part] }
    const events = [
      { type: 'response.output_item.added', output_index: index, item: { ...item, summary: [] } },
      { type: 'response.reasoning_summary_part.added', ...at, part: { ...part, text: '' } },
      ...deltas.map(delta => ({ type: 'response.reasoning_summary_text.delta', ...at, delta })),
      { type: 'response.reasoning_summary_text.done', ...at, text: part.text },
      { type: 'response.reasoning_summary_part.done', ...at, part },
      { type: 'response.output_item.done', output_index: index, item },
    ]
    return { item, events }
  }
}

const CALLS = [
  ['function_call', 'function_call_arguments', 'arguments'],
  ['custom_tool_call', 'custom_tool_call_input', 'input'],
  ['mcp_call', 'mcp_call_arguments', 'arguments'],
  ['code_interpreter_call', 'code_interpreter_call_code', 'code'],
] as const

function tellCall([type, subject, field]: (typeof CALLS)[number], deltas: readonly string[]): Teller {
  return index => {
    const text = deltas.join('')
    const id = `call_${index}`
    const at = { item_id: id, output_index: index }
    const item = { type, id, call_id: id, name: 'f', status: 'completed', [field]: text }
    const events = [
      { type: 'response.output_item.added', output_index: index, item: { ...item, [field]: '' } },
      ...deltas.map(delta => ({ type: `response.${subject}.delta`, ...at, delta })),
      { type: `response.${subject}.done`, ...at, [field]: text },
      { type: 'response.output_item.done', output_index: index, item },
    ]
    return { item, events }
  }
}

const teller: fc.Arbitrary<Teller> = fc.oneof(
  fc.tuple(fc.constantFrom('output_text', 'refusal'), pieces).map(args => tellMessage(...args)),
  pieces.map(tellReasoning),
  fc.tuple(fc.constantFrom(...CALLS), pieces).map(args => tellCall(...args)),
)

/** Which of the events that say a text once more a server leaves out; the last event always says all. */
const habit = fc.constantFrom<readonly RegExp[]>(
  [],
  [/_(?:text|refusal|part|arguments|input|code)\.(?:delta|done|added)$|refusal\.(?:delta|done)$/],
  [/\.done$/],
  [/^response\.(?:output|content|reasoning|refusal|function|custom|mcp|code)/],
)

interface Answer {
  readonly events: readonly JsonObject[]
  readonly response: JsonObject
}

const answer = fc.tuple(fc.array(teller, { maxLength: 4 }), habit).map(([tellers, left]): Answer => {
  const told = tellers.map((tell, index) => tell(index))
  const begun = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    model: 'm',
    status: 'in_progress',
    output: [],
  }
  const response = { ...begun, status: 'completed', output: told.map(({ item }) => item) }
  const between = told
    .flatMap(({ events }) => events)
    .filter(({ type }) => !left.some(pattern => pattern.test(String(type))))
  const events = [
    { type: 'response.created', response: begun },
    ...between,
    { type: 'response.completed', response },
  ].map((event, index) => ({ ...event, sequence_number: index }))
  return { events, response }
})

const lineEnds = fc.constantFrom('\n', '\r\n', '\r')

function toStream(events: readonly JsonObject[], lineEnd = '\n'): Uint8Array {
  const toEvent = (event: JsonObject) =>
    `event: ${event.type}${lineEnd}data: ${JSON.stringify(event)}${lineEnd}${lineEnd}`
  return encoder.encode(events.map(toEvent).join(''))
}

function decode(bytes: Uint8Array, cuts: readonly number[] = []): readonly Frame[] {
  const stream = openaiResponses.openStream()
  const borders = [0, ...cuts.map(cut => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b)
  const chunks = borders.slice(1).map((border, index) => bytes.slice(borders[index], border))
  return [...chunks.flatMap(chunk => stream.push(chunk)), ...stream.end()]
}

const sorted = (texts: readonly (readonly [string, string])[]) => texts.map(text => text.join(' ')).sort()

describe('decoding a stream', () => {
  test('gives the same frames and parts however the bytes are cut, and all of the bytes', () => {
    const cuts = fc.array(fc.nat({ max: 4000 }), { maxLength: 20 })
    fc.assert(
      fc.property(answer, lineEnds, cuts, ({ events }, lineEnd, at) => {
        const bytes = toStream(events, lineEnd)
        const frames = decode(bytes, at)
        expect(frames).toEqual(decode(bytes))
        expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
      }),
      runs,
    )
  })

  test('finds every text once, whichever events a server leaves out', () => {
    fc.assert(
      fc.property(answer, ({ events, response }) => {
        const streamed = readEventStream(openaiResponses, [toStream(events)])
        const whole = openaiResponses.decodeResponse(encoder.encode(JSON.stringify(response)))
        if (streamed.kind !== 'ok' || whole.kind !== 'ok') throw new Error('undecodable')
        expect(sorted(streamed.value.segments.map(({ kind, text }) => [kind, text]))).toEqual(
          sorted(whole.value.segments.map(({ kind, text }) => [kind, text])),
        )
      }),
      runs,
    )
  })

  test('never throws, whatever the data', () => {
    const types = fc.constantFrom(
      'response.output_text.delta',
      'response.content_part.added',
      'response.output_item.added',
      'response.output_item.done',
      'response.output_text.annotation.added',
      'response.shell_call_output_content.done',
      'response.completed',
      'response.x',
    )
    const kinds = fc.constantFrom(
      'message',
      'reasoning',
      'mcp_call',
      'code_interpreter_call',
      'shell_call',
      'x',
    )
    const keys = fc.constantFrom(
      'content',
      'summary',
      'output',
      'outputs',
      'arguments',
      'action',
      'tools',
      'error',
    )
    const value = fc.jsonValue({ maxDepth: 4 })
    fc.assert(
      fc.property(types, kinds, keys, value, (type, kind, key, any) => {
        const item = { type: kind, [key]: any }
        for (const said of [any, item]) {
          const response = { output: [said], output_text: any }
          const event = {
            type,
            delta: said,
            text: any,
            item: said,
            part: said,
            annotation: said,
            response,
            output: any,
          }
          const frames = decode(toStream([event]))
          expect(frames).toHaveLength(1)
          const at = openaiResponses.openPosition()
          for (const frame of frames) at.released(frame)
          openaiResponses.streamRefusal(REFUSAL, at)
          const body = encoder.encode(
            JSON.stringify({ input: [said], instructions: any, prompt: any, output: [said] }),
          )
          expect(['ok', 'undecodable']).toContain(openaiResponses.decodeRequest(body).kind)
          expect(['ok', 'undecodable']).toContain(openaiResponses.decodeResponse(body).kind)
        }
      }),
      runs,
    )
  })
})

const REFUSAL = { message: 'no', id: '0', createdSec: 2, finishReason: 'auto', request: undefined } as const

test('a refusal at any point closes what may be closed, numbers on, and tells at its end what the client saw', () => {
  fc.assert(
    fc.property(answer, fc.nat({ max: 30 }), ({ events }, count) => {
      const frames = decode(toStream(events)).slice(0, Math.min(count, events.length - 1))
      const at = openaiResponses.openPosition()
      for (const frame of frames) at.released(frame)
      const rest = decoder.decode(openaiResponses.streamRefusal(REFUSAL, at))
      const seen = [...events.slice(0, frames.length), ...rest.split('\n\n').slice(0, -1).map(dataOf)]

      expect(seen.map(event => event.sequence_number)).toEqual(seen.map((_, index) => index))
      const last = seen.at(-1)!
      expect(last.type).toBe('response.completed')
      const output = isJsonObject(last.response) ? last.response.output : undefined
      if (!Array.isArray(output)) throw new Error('no output')
      const said = seen.flatMap(({ type, delta }) =>
        type === 'response.output_text.delta' && typeof delta === 'string' ? [delta] : [],
      )
      const told = output.flatMap(item =>
        item.type === 'message' ? item.content.map((part: JsonObject) => part.text ?? '') : [],
      )
      // A server that says texts only as a whole says some that no delta said.
      if (events.some(({ type }) => type === 'response.output_text.delta'))
        expect(told.join('')).toBe(said.join(''))
      expect(output.filter(item => /^(?:function|custom)/.test(item.type))).toEqual([])
      for (const { type, output_index, item } of seen) {
        if (type !== 'response.output_item.added' || !isJsonObject(item)) continue
        if (item.type !== 'message' && item.type !== 'reasoning') continue
        const ends = seen.filter(
          each => each.type === 'response.output_item.done' && each.output_index === output_index,
        )
        expect(ends).toHaveLength(1)
      }
    }),
    runs,
  )
})

function dataOf(event: string): JsonObject {
  const value: unknown = JSON.parse(event.slice(event.indexOf('\ndata: ') + '\ndata: '.length))
  if (!isJsonObject(value)) throw new Error('no event')
  return value
}

const textsOf = ({ parts }: Frame): readonly TextPart[] =>
  parts.flatMap(part => (part.kind === 'text-delta' || part.kind === 'text-repeat' ? [part] : []))

test('rewriting a frame changes the texts named and the tokens beside them, and no other byte', () => {
  const newText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom('', '\n\ndata: x', '\u2028"'),
  )
  const picks = fc.array(fc.option(newText), { minLength: 1, maxLength: 6 })
  let edited = 0
  fc.assert(
    fc.property(answer, lineEnds, picks, ({ events }, lineEnd, choices) => {
      const frames = decode(toStream(events, lineEnd))
      for (const [position, frame] of frames.entries()) {
        const edits = textsOf(frame).flatMap(({ path }, index): TextEdit[] => {
          const pick = choices[(position + index) % choices.length] ?? null
          return pick === null ? [] : [{ path, text: pick }]
        })
        edited += edits.length
        const rewritten = openaiResponses.rewriteFrame(frame, edits)
        expect(decoder.decode(rewritten.bytes)).toBe(expectedBytes(events[position]!, edits, lineEnd))
        const texts = new Map(edits.map(({ path, text }) => [JSON.stringify(path), text]))
        expect(textsOf(rewritten)).toEqual(
          textsOf(frame).map(part => ({ ...part, text: texts.get(JSON.stringify(part.path)) ?? part.text })),
        )
      }
    }),
    runs,
  )
  expect(edited).toBeGreaterThan(100)
})

/** The event's frame with the edits made the plain way: on the value, before it is printed. */
function expectedBytes(event: JsonObject, edits: readonly TextEdit[], lineEnd: string): string {
  const beside = edits.map(({ path }): JsonPath => [...path.slice(0, -1), 'logprobs'])
  const marked = edits.reduce<unknown>(
    (json, { path }, index) => withValue(json, path, `@slot ${index}@`),
    event,
  )
  const cleared = beside.reduce((json, path) => withValue(json, path, null), marked)
  const json = JSON.stringify(cleared).replace(/"@slot (\d+)@"/g, (_, index) =>
    JSON.stringify(edits[Number(index)]!.text).replace(
      /[\u0085\u2028\u2029]/g,
      unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  )
  return `event: ${event.type}${lineEnd}data: ${json}${lineEnd}${lineEnd}`
}

/** The value with what stands at `path`, if anything, replaced. */
function withValue(value: unknown, [step, ...rest]: JsonPath, replacement: unknown): unknown {
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
