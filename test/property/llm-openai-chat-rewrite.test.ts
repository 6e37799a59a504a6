import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Frame, JsonPath, Part, TextEdit } from '../../src/llm/format.ts'
import { isJsonObject } from '../../src/llm/json-body.ts'
import { openaiChat } from '../../src/llm/openai-chat/index.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', 'x', '"\\', '\n\ndata: x\r\n', '\u0085\u2028\u2029', '😀', '\ud83e', '\uFEFF', ']}'),
)
const some = { requiredKeys: [] }
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 })
const args = fc.oneof(text, fc.dictionary(fc.constantFrom('a', 'b'), text, { maxKeys: 2 }), list(text))

/** Every place where a delta can hold text, and some that hold none. */
const said = fc.record(
  {
    role: fc.constant('assistant'),
    content: fc.oneof(
      text,
      list(
        fc.oneof(
          text,
          fc.record({ type: fc.constantFrom('text', 'thinking', 'refusal'), text, refusal: text }),
        ),
      ),
    ),
    refusal: text,
    reasoning_content: text,
    reasoning: text,
    reasoning_details: list(fc.record({ text, summary: text, index: fc.nat(3) }, some)),
    audio: fc.record({ id: text, transcript: text }),
    annotations: list(fc.record({ url_citation: fc.record({ title: text, url: text }, some) }, some)),
    tool_calls: list(
      fc.record(
        { index: fc.nat(3), function: fc.record({ arguments: args }), custom: fc.record({ input: text }) },
        some,
      ),
    ),
    function_call: fc.record({ name: text, arguments: args }),
    unknown: fc.jsonValue({ maxDepth: 2 }),
  },
  some,
)
const logprobs = fc.oneof(fc.constant(null), fc.record({ content: list(fc.record({ token: text })) }))
const chunk = fc.record({
  id: text,
  choices: list(fc.record({ index: fc.nat(3), delta: said, message: said, logprobs }, some)),
  usage: fc.constantFrom(null, { total_tokens: 1.5e300 }),
})

/** A serialisation of a frame before and after its edits: pieces that differ only where an edit may change bytes. */
interface Piece {
  readonly before: string
  readonly after: string
}

/** What goes where a pretty printer puts a line feed: white space of JSON, or the end of a data line and a new one. */
const gap = fc.oneof(
  fc.constantFrom('', ' ', '\t').map(space => ({ kind: 'space' as const, text: space })),
  fc
    .tuple(
      fc.constantFrom('\n', '\r', '\r\n'),
      fc.constantFrom('', ': "note"\n', 'id: 7\r', 'event: e\r\n', 'retry:1\n', 'data\n'),
      fc.constantFrom('data:', 'data: '),
    )
    .map(parts => ({ kind: 'break' as const, text: parts.join('') })),
)
type Gap = { readonly kind: 'space' | 'break'; readonly text: string }

const layout = fc.record({
  head: fc.constantFrom('', '\uFEFF', '\r\n\n', ': ping\n', 'event: message\r'),
  first: fc.constantFrom('data:', 'data: ', 'data:  '),
  gaps: fc.array(gap, { minLength: 1, maxLength: 8 }),
  tail: fc.constantFrom('\n\n', '\r\n\r\n', '\r\r', '\n:\n\n', '\n', ''),
  escapes: fc.constantFrom('raw', 'escaped'),
})
type Layout = typeof layout extends fc.Arbitrary<infer T> ? T : never

const escapeNonAscii = (json: string) =>
  json.replace(/[\u0080-\uffff]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** Where a value may change, and the JSON that takes its place. */
interface Slot {
  readonly path: JsonPath
  readonly after: string | undefined
}

function layOut(
  value: unknown,
  slots: readonly Slot[],
  { head, first, gaps, tail, escapes }: Layout,
): Piece[] {
  const print = (json: unknown) => {
    // Tabs: a space at the start of a data line would be the line's own.
    const pretty = JSON.stringify(json, null, '\t')
    return escapes === 'raw' ? pretty : escapeNonAscii(pretty)
  }
  let used = 0
  const nextGap = (): Gap => gaps[used++ % gaps.length]!
  const same = (piece: string): Piece => ({ before: piece, after: piece })
  const marked = slots.reduce((json, { path }, index) => withValue(json, path, `@slot ${index}@`), value)
  const pieces = print(marked)
    .split(/"@slot (\d+)@"/)
    .flatMap((piece, position) => {
      if (position % 2 === 0) return lines(piece).map(part => same(part ?? nextGap().text))
      const { path, after } = slots[Number(piece)]!
      let replacement = after
      return lines(print(valueAt(value, path))).map(part => {
        const between = part === undefined ? nextGap() : undefined
        if (after === undefined || between?.kind === 'break') return same(part ?? between!.text)
        const changed = { before: part ?? between!.text, after: replacement ?? '' }
        replacement = undefined
        return changed
      })
    })
  return [same(head + first), ...pieces, same(tail)]
}

/** The lines, with undefined for each line feed between two. */
function lines(pretty: string): (string | undefined)[] {
  return pretty.split('\n').flatMap((line, index) => (index === 0 ? [line] : [undefined, line]))
}

function valueAt(value: unknown, path: JsonPath): unknown {
  return path.reduce<unknown>((at, step) => {
    if (Array.isArray(at)) return at[Number(step)]
    return isJsonObject(at) ? at[step] : undefined
  }, value)
}

/** The value with what stands at `path`, if anything, replaced, done the plain way. */
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

function decode(event: string): readonly Frame[] {
  const stream = openaiChat.openStream()
  return [...stream.push(encoder.encode(event)), ...stream.end()]
}

/** The data of one event, as the standard's algorithm reads it. */
function dataOf(event: string): string {
  return event
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .flatMap(line => (/^data(:|$)/.test(line) ? [line.slice('data:'.length).replace(/^ /, '')] : []))
    .join('\n')
}

const deltasOf = (parts: readonly Part[]) => parts.flatMap(part => (part.kind === 'text-delta' ? [part] : []))

const picks = fc.array(fc.option(text), { minLength: 1, maxLength: 6 })

test('rewriting a frame changes the strings named and the logprobs that spell them, and no other byte', () => {
  let edited = 0
  fc.assert(
    fc.property(chunk, layout, picks, (value, how, choices) => {
      const [plain] = decode(`data: ${JSON.stringify(value)}\n\n`)
      const edits = deltasOf(plain!.parts).flatMap(({ path }, index): TextEdit[] => {
        const pick = choices[index % choices.length] ?? null
        return pick === null ? [] : [{ path, text: pick }]
      })
      const cleared = [...new Set(edits.map(({ path }) => path[1]!))]
        .map((choice): JsonPath => ['choices', choice, 'logprobs'])
        .filter(path => valueAt(value, path) !== undefined)
      const slots = [
        ...edits.map(({ path, text: after }): Slot => ({ path, after: literalOf(after) })),
        ...cleared.map((path): Slot => ({ path, after: 'null' })),
      ]
      const pieces = layOut(value, slots, how)
      const before = pieces.map(piece => piece.before).join('')
      const expected = pieces.map(piece => piece.after).join('')

      const [frame, ...more] = decode(before)
      expect(more).toEqual([])
      expect(frame!.parts).toEqual(plain!.parts)
      const rewritten = openaiChat.rewriteFrame(frame!, edits)

      // Bytes: only those of the values named.
      expect(decoder.decode(rewritten.bytes)).toBe(expected)
      if (edits.length === 0) expect(rewritten).toBe(frame)
      edited += edits.length
      // Meaning: the same JSON with those strings replaced.
      const wanted = edits.reduce((json, edit) => withValue(json, edit.path, edit.text), value as unknown)
      expect(JSON.parse(dataOf(expected).trim())).toEqual(
        JSON.parse(JSON.stringify(cleared.reduce((json, path) => withValue(json, path, null), wanted))),
      )
      // Framing: one event stays one, to whatever comes behind it.
      const follower = 'data: [DONE]\n\n'
      expect(decode(expected + follower)).toHaveLength(decode(before + follower).length)
      // Parts: what the bytes now say. Citations are numbered over the stream, so emptied ones shift the rest.
      const plainDeltas = (parts: readonly Part[]) =>
        deltasOf(parts)
          .filter(part => part.text !== '')
          .map(({ choice, textKind, path, text: said }) => ({ choice, textKind, path, said }))
      expect(plainDeltas(rewritten.parts)).toEqual(
        plainDeltas(decode(expected).flatMap(({ parts }) => parts)),
      )
      expect(rewritten.parts.map(unsaid)).toEqual(frame!.parts.map(unsaid))
    }),
    { numRuns: 500 },
  )
  expect(edited).toBeGreaterThan(500)
})

function literalOf(value: string): string {
  return JSON.stringify(value).replace(/[\u0085\u2028\u2029]/g, escapeNonAscii)
}

function unsaid(part: Part): Part {
  return part.kind === 'text-delta' ? { ...part, text: '' } : part
}
