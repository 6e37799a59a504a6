import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  anthropicBatches,
  anthropicMessages,
  anthropicTokenCount,
} from '../../src/llm/anthropic-messages/index.ts'
import type { Frame, JsonPath, Refusal, TextEdit } from '../../src/llm/format.ts'
import { isJsonObject } from '../../src/llm/json-body.ts'

const encoder = new TextEncoder()
const fixtures = new URL('../fixtures/anthropic-messages/', import.meta.url)
const names = readdirSync(fixtures).filter(name => name.endsWith('.sse'))
const PLACE = { path: '/v1/messages', query: '' }

function decode(bytes: Uint8Array, cuts: readonly number[] = []): readonly Frame[] {
  const stream = anthropicMessages.openStream()
  const borders = [0, ...cuts.map(cut => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b)
  const chunks = borders.slice(1).map((border, index) => bytes.slice(borders[index], border))
  return [...chunks.flatMap(chunk => stream.push(chunk)), ...stream.end()]
}

const text = fc.string({ unit: 'binary', maxLength: 6 })
const block = fc.oneof(
  fc.record({ type: fc.constant('text'), text }),
  fc.record({ type: fc.constant('thinking'), thinking: text, signature: text }),
  fc.record({
    type: fc.constantFrom('tool_use', 'server_tool_use'),
    input: fc.dictionary(text, text, { maxKeys: 2 }),
  }),
  fc.record({
    type: fc.constant('web_search_tool_result'),
    content: fc.array(fc.record({ type: fc.constant('web_search_result'), title: text, url: text }), {
      maxLength: 2,
    }),
  }),
  fc.record({ type: fc.constantFrom('redacted_thinking', 'hologram'), data: text, text }),
)
const delta = fc.oneof(
  fc.record({ type: fc.constant('text_delta'), text }),
  fc.record({ type: fc.constant('thinking_delta'), thinking: text }),
  fc.record({ type: fc.constant('input_json_delta'), partial_json: text }),
  fc.record({ type: fc.constant('signature_delta'), signature: text }),
  fc.record({
    type: fc.constant('citations_delta'),
    citation: fc.record({ type: fc.constant('char_location'), cited_text: text, document_title: text }),
  }),
)
/** The inside of one content block. */
const said = fc.record({ block, deltas: fc.array(delta, { maxLength: 4 }), ping: fc.boolean() })
type Said = typeof said extends fc.Arbitrary<infer T> ? T : never

interface Event {
  readonly type: string
  readonly [key: string]: unknown
}

/** A message as the API streams it. */
function toEvents(all: readonly Said[]): readonly Event[] {
  const usage = { input_tokens: 1, output_tokens: 1 }
  return [
    { type: 'message_start', message: { id: 'msg_up', model: 'm', role: 'assistant', content: [], usage } },
    ...all.flatMap((each, index): Event[] => [
      { type: 'content_block_start', index, content_block: each.block },
      ...(each.ping ? [{ type: 'ping' }] : []),
      ...each.deltas.map(one => ({ type: 'content_block_delta', index, delta: one })),
      { type: 'content_block_stop', index },
    ]),
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage },
    { type: 'message_stop' },
  ]
}

function spell(event: Event, lineEnd = '\n'): string {
  return `event: ${event.type}${lineEnd}data: ${JSON.stringify(event)}${lineEnd}${lineEnd}`
}

const messages = fc.array(said, { maxLength: 4 }).map(toEvents)
const lineEnds = fc.constantFrom('\n', '\r\n', '\r')
const cuts = fc.array(fc.nat({ max: 3000 }), { maxLength: 20 })

describe('decoding a stream', () => {
  test('gives the same frames and parts however the bytes are cut, and all the bytes', () => {
    fc.assert(
      fc.property(messages, lineEnds, cuts, (events, lineEnd, at) => {
        const bytes = encoder.encode(events.map(event => spell(event, lineEnd)).join(''))
        const frames = decode(bytes, at)
        expect(frames).toEqual(decode(bytes))
        expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test.each(names)('%s, whole, byte by byte and anyhow', name => {
    const bytes = new Uint8Array(readFileSync(new URL(name, fixtures)))
    const whole = decode(bytes)
    expect(
      decode(
        bytes,
        Array.from(bytes, (_, index) => index),
      ),
    ).toEqual(whole)
    fc.assert(
      fc.property(cuts, at => {
        expect(decode(bytes, at)).toEqual(whole)
      }),
      { numRuns: 20 },
    )
  })

  test('reads every string that is said, and each running text by itself', () => {
    fc.assert(
      fc.property(messages, events => {
        const found = decode(encoder.encode(events.map(event => spell(event)).join('')))
          .flatMap(({ parts }) => parts)
          .flatMap(part => (part.kind === 'text-delta' && part.text !== '' ? [part.text] : []))
        expect(found).toEqual(events.flatMap(stringsSaid).filter(each => each !== ''))
      }),
      { numRuns: 100 },
    )
  })

  test('never throws, whatever the data', () => {
    const place = fc.constantFrom('message', 'content_block', 'delta', 'citation', 'root')
    const type = fc.constantFrom(
      'message_start',
      'content_block_start',
      'content_block_delta',
      'message_delta',
    )
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), type, place, (value, event, at) => {
        const put =
          at === 'citation' ? { delta: { type: 'citations_delta', citation: value } } : { [at]: value }
        const data = at === 'root' ? value : { type: event, index: 0, ...put }
        expect(decode(encoder.encode(`data: ${JSON.stringify(data)}\n\n`))).toHaveLength(1)
        const body = encoder.encode(
          JSON.stringify({
            system: value,
            messages: [{ role: 'user', content: value }, value],
            content: value,
            stop_details: value,
            requests: [{ params: { messages: [{ content: value }] } }],
          }),
        )
        const decoded = [anthropicMessages, anthropicTokenCount, anthropicBatches].flatMap(format => [
          format.decodeRequest(body, PLACE).kind,
          format.decodeResponse(body).kind,
        ])
        expect(decoded.every(kind => kind === 'ok' || kind === 'undecodable')).toBe(true)
      }),
      { numRuns: 100 },
    )
  })
})

/** What an event says, found the plain way. */
function stringsSaid(event: Event): readonly string[] {
  const held = event.content_block ?? event.delta
  if (!isJsonObject(held)) return []
  const { type, thinking, input, content, partial_json: json, citation } = held
  if (type === 'redacted_thinking' || type === 'signature_delta') return []
  const members = isJsonObject(input) ? Object.values(input) : []
  const results = Array.isArray(content) ? content.flatMap(({ title, url }) => [title, url]) : []
  const cited = isJsonObject(citation) ? [citation.cited_text, citation.document_title] : []
  return [held.text, thinking, json, ...members, ...results, ...cited].filter(
    (each): each is string => typeof each === 'string',
  )
}

test('rewriting changes the strings named, and nothing else of the JSON or the bytes around it', () => {
  const marker = '\u0001edit\u0001'
  fc.assert(
    fc.property(messages, lineEnds, text, fc.nat({ max: 3 }), (events, lineEnd, replacement, skip) => {
      for (const event of events) {
        const spelled = `: note${lineEnd}${spell(event, lineEnd)}`
        const [frame] = decode(encoder.encode(spelled))
        const paths = frame!.parts.flatMap(part =>
          part.kind === 'text-delta' && part.text !== '' ? [part.path] : [],
        )
        const edits = paths.slice(skip).map((path): TextEdit => ({ path, text: replacement }))
        const rewritten = anthropicMessages.rewriteFrame(frame!, edits)
        const wanted = edits.reduce<unknown>((json, { path }) => withValue(json, path, marker), event)
        const expected = `: note${lineEnd}event: ${event.type}${lineEnd}data: ${JSON.stringify(wanted)
          .split(JSON.stringify(marker))
          .join(literalOf(replacement))}${lineEnd}${lineEnd}`
        expect(Buffer.from(rewritten.bytes).toString()).toBe(Buffer.from(expected).toString())
      }
    }),
    { numRuns: 60 },
  )
})

/** As JSON in an event stream: no client may take a character in it for a line end. */
function literalOf(value: string): string {
  return JSON.stringify(value).replace(
    /[\u0085\u2028\u2029]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function withValue(value: unknown, path: JsonPath, replacement: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return replacement
  if (Array.isArray(value))
    return value.map((item, index) => (index === step ? withValue(item, rest, replacement) : item))
  if (!isJsonObject(value)) throw new Error('no such path')
  const entries = Object.entries(value)
  return Object.fromEntries(
    entries.map(([key, item]) => [key, key === step ? withValue(item, rest, replacement) : item]),
  )
}

test('a refusal at any point leaves one message, every block closed once, one reason to end and one end', () => {
  const reasons = fc.constantFrom('auto', 'content_filter', 'stop')
  fc.assert(
    fc.property(messages, fc.nat({ max: 30 }), reasons, (events, count, finishReason) => {
      const frames = decode(encoder.encode(events.map(event => spell(event)).join(''))).slice(0, count)
      const at = anthropicMessages.openPosition()
      for (const frame of frames) at.released(frame)
      const refusal: Refusal = { message: 'no', id: '0', createdSec: 2, finishReason, request: undefined }
      const rest = anthropicMessages.streamRefusal(refusal, at)
      const seen = Buffer.concat([...frames.map(({ bytes }) => bytes), rest]).toString()
      const sent = seen
        .split('\n\n')
        .slice(0, -1)
        .map((each): Event => JSON.parse(each.slice(each.indexOf('data: ') + 'data: '.length)))
      expect(outlineOf(sent)).toMatch(/^S(?:\[[pd]*\])*EZ$/)
      const starts = sent.filter(({ type }) => type === 'content_block_start')
      expect(starts.map(({ index }) => index)).toEqual(Array.from(starts, (_, index) => index))
      if (count < events.length - 1) expect(JSON.stringify(sent)).toContain('no"')
    }),
    { numRuns: 100 },
  )
})

/** One letter an event: a message is `S`, blocks in brackets, `E` for the reason to end, `Z` for the end. */
function outlineOf(events: readonly Event[]): string {
  const letters: Readonly<Record<string, string>> = {
    message_start: 'S',
    content_block_start: '[',
    content_block_delta: 'd',
    content_block_stop: ']',
    ping: 'p',
    message_delta: 'E',
    message_stop: 'Z',
  }
  return events.map(({ type }) => letters[type] ?? '?').join('')
}
