import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { embeddings } from '../../src/llm/embeddings/index.ts'
import type { Frame, LlmFormat, LlmRequest, TextEdit } from '../../src/llm/format.ts'
import { moderations } from '../../src/llm/moderations/index.ts'
import { editMultipart, readMultipart } from '../../src/llm/multipart.ts'
import { openaiAudioSpeech, openaiAudioTranscription } from '../../src/llm/openai-audio/index.ts'
import { openaiCompletions } from '../../src/llm/openai-completions/index.ts'
import { openaiImages } from '../../src/llm/openai-images/index.ts'
import { rerank } from '../../src/llm/rerank/index.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const runs = { numRuns: 100 }

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('', 'x', '"\\', '\n\ndata: x\r\n', '\u0085\u2028\u2029', '😀', '\uFEFF'),
)

interface Step {
  readonly choice: number
  readonly text: string
  readonly ends: boolean
}
const steps = fc.array(fc.record<Step>({ choice: fc.nat({ max: 3 }), text, ends: fc.boolean() }), {
  maxLength: 10,
})
const lineEnds = fc.constantFrom('\n', '\r\n', '\r')
const cutsAt = fc.array(fc.nat({ max: 2000 }), { maxLength: 20 })

function completionEvent({ choice, text: said, ends }: Step, lineEnd = '\n'): string {
  const choices = [
    { text: said, index: choice, logprobs: { tokens: [said] }, finish_reason: ends ? 'stop' : null },
  ]
  return `data: ${JSON.stringify({ id: 'cmpl-1', object: 'text_completion', created: 1, model: 'm', choices })}${lineEnd}${lineEnd}`
}

function transcriptEvent({ choice, text: said, ends }: Step, lineEnd = '\n'): string {
  const type = ends ? 'done' : choice === 0 ? 'segment' : 'delta'
  const event = {
    type: `transcript.text.${type}`,
    [type === 'delta' ? 'delta' : 'text']: said,
    logprobs: [said],
  }
  return `data: ${JSON.stringify(event)}${lineEnd}${lineEnd}`
}

function decode(format: LlmFormat, bytes: Uint8Array, cuts: readonly number[] = []): readonly Frame[] {
  const stream = format.openStream()
  const borders = [0, ...cuts.map(cut => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b)
  const chunks = borders.slice(1).map((border, index) => bytes.slice(borders[index], border))
  return [...chunks.flatMap(chunk => stream.push(chunk)), ...stream.end()]
}

describe.each([
  ['completions', openaiCompletions, completionEvent],
  ['transcripts', openaiAudioTranscription, transcriptEvent],
] as const)('a stream of %s', (_, format, eventOf) => {
  test('gives the same frames and parts however it is cut, and loses no byte', () => {
    fc.assert(
      fc.property(steps, lineEnds, cutsAt, (all, lineEnd, cuts) => {
        const bytes = encoder.encode(`${all.map(each => eventOf(each, lineEnd)).join('')}data: [DONE]\n\n`)
        const frames = decode(format, bytes, cuts)
        expect(frames).toEqual(decode(format, bytes))
        expect(Buffer.concat(frames.map(frame => frame.bytes)).equals(bytes)).toBe(true)
      }),
      runs,
    )
  })

  test('finds every text in order, and changes nothing else', () => {
    fc.assert(
      fc.property(steps, text, (all, replacement) => {
        for (const each of all) {
          const [frame, ...more] = decode(format, encoder.encode(eventOf(each)))
          expect(more).toEqual([])
          const edits = frame!.parts.flatMap((part): TextEdit[] =>
            part.kind === 'text-delta' || part.kind === 'text-repeat'
              ? [{ path: part.path, text: replacement }]
              : [],
          )
          expect(edits).toHaveLength(each.text === '' ? 0 : 1)
          const after = format.rewriteFrame(frame!, edits)
          const expected = { ...each, text: replacement }
          const wanted = decode(format, encoder.encode(eventOf(edits.length === 0 ? each : expected)))[0]!
          const dataOf = ({ bytes }: Frame) => JSON.parse(decoder.decode(bytes).slice('data: '.length))
          expect(clearLogprobs(dataOf(after))).toEqual(clearLogprobs(dataOf(wanted)))
          if (edits.length > 0) expect(JSON.stringify(dataOf(after))).not.toContain('tokens')
        }
      }),
      runs,
    )
  })
})

function clearLogprobs(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === 'logprobs' ? null : inner)))
}

test('a refusal at any point leaves every choice with one end, and the stream with one terminator', () => {
  const requestOf = (choices: number): LlmRequest => ({
    model: 'm',
    streams: true,
    choices,
    segments: [],
    uninspectable: 0,
    structuredOutput: false,
    streamUsage: false,
  })
  fc.assert(
    fc.property(steps, fc.nat({ max: 10 }), fc.integer({ min: 1, max: 4 }), (all, count, choices) => {
      const ended = new Set<number>()
      const consistent = all.filter(({ choice, ends }) => {
        const isOpen = !ended.has(choice)
        if (ends) ended.add(choice)
        return isOpen
      })
      const bytes = encoder.encode(consistent.map(each => completionEvent(each)).join(''))
      const frames = decode(openaiCompletions, bytes).slice(0, count)
      const at = openaiCompletions.openPosition()
      for (const frame of frames) at.released(frame)
      const given = {
        message: 'no',
        id: '0',
        createdSec: 2,
        finishReason: 'auto',
        request: requestOf(choices),
      } as const
      const seen = Buffer.concat([
        ...frames.map(frame => frame.bytes),
        openaiCompletions.streamRefusal(given, at),
      ]).toString()
      const data = seen
        .split('\n\n')
        .slice(0, -1)
        .map(event => event.slice('data: '.length))
      expect(data.indexOf('[DONE]')).toBe(data.length - 1)
      const parsed = data.slice(0, -1).flatMap(event => JSON.parse(event).choices)
      for (let index = 0; index < choices; index++) {
        const own = parsed.filter(choice => choice.index === index)
        expect(own.findIndex(choice => choice.finish_reason !== null)).toBe(own.length - 1)
      }
    }),
    runs,
  )
})

const formats: readonly LlmFormat[] = [
  openaiCompletions,
  embeddings,
  rerank,
  moderations,
  openaiImages,
  openaiAudioSpeech,
  openaiAudioTranscription,
]

test.each(formats)('$name never throws, whatever the data, and reads back what it rewrites', format => {
  const keys = fc.constantFrom(
    ...['prompt', 'suffix', 'input', 'messages', 'query', 'documents', 'choices', 'data', 'results'],
    ...['text', 'segments', 'words', 'instructions', 'revised_prompt', 'delta', 'type', 'stream', 'n'],
  )
  const value = fc.letrec(tie => ({
    any: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.constantFrom(null, true, 7, 'transcript.text.delta', 'image_edit.completed'),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(keys, tie('any'), { maxKeys: 4 }),
    ),
  })).any
  const place = { path: '/', query: '' }
  fc.assert(
    fc.property(fc.oneof(value, fc.dictionary(keys, value, { maxKeys: 4 })), body => {
      const bytes = encoder.encode(JSON.stringify(body))
      format.claimsResponse(body)
      expect(decode(format, encoder.encode(`data: ${JSON.stringify(body)}\n\n`))).toHaveLength(1)
      for (const read of [format.decodeRequest(bytes, place), format.decodeResponse(bytes)]) {
        if (read.kind !== 'ok') continue
        for (const { path } of read.value.segments) {
          const after = format.rewrite(bytes, [{ path, text: 'new text' }])
          if (path.length === 0) expect(decoder.decode(after)).toBe('new text')
          else
            expect(JSON.parse(decoder.decode(after))).toSatisfy(
              (json: unknown) => at(json, path) === 'new text',
            )
        }
      }
    }),
    runs,
  )
})

function at(json: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, step) => Object(inner)[step], json)
}

test.each(formats)('$name refuses a request that says a key twice', format => {
  const twice = encoder.encode('{"input":"a","prompt":"a","query":"a","documents":[],"input":"b"}')
  expect(format.decodeRequest(twice, { path: '/', query: '' })).toEqual({
    kind: 'undecodable',
    reason: 'wrong-shape',
  })
})

describe('a form', () => {
  const boundary = fc.stringMatching(/^[\w'()+,./:=?-]{1,70}$/)
  const parts = fc.array(
    fc.record({
      name: fc.stringMatching(/^[\w[\]. äß-]{1,8}$/),
      isFile: fc.boolean(),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 20 }),
        text.map(said => encoder.encode(said)),
      ),
    }),
    { minLength: 1, maxLength: 5 },
  )
  const build = (edge: string, all: readonly { name: string; isFile: boolean; bytes: Uint8Array }[]) =>
    Buffer.concat([
      ...all.flatMap(({ name, isFile, bytes }) => [
        encoder.encode(
          `--${edge}\r\nContent-Disposition: form-data; name="${name}"${isFile ? '; filename="f"' : ''}\r\n\r\n`,
        ),
        bytes,
        encoder.encode('\r\n'),
      ]),
      encoder.encode(`--${edge}--\r\n`),
    ])

  test('says what was put into it, and an edit changes one field alone', () => {
    fc.assert(
      fc.property(boundary, parts, text, (edge, all, replacement) => {
        // A writer chooses a boundary that stands in no content, not even with what is around it.
        fc.pre(
          all.every(
            ({ bytes }) =>
              !Buffer.from(bytes)
                .toString('latin1')
                .includes(`--${edge.slice(0, 3)}`),
          ),
        )
        fc.pre(!`\r\n${replacement}`.includes('--'))
        const body = build(edge, all)
        const read = readMultipart(body)
        if (read.kind !== 'ok') throw new Error(read.reason)
        const plain = read.value.map(({ name, kind, bytes }) => ({
          name,
          isFile: kind === 'file',
          bytes: [...bytes],
        }))
        expect(plain).toEqual(all.map(one => ({ ...one, bytes: [...one.bytes] })))
        for (const [index, { path, bytes }] of read.value.entries()) {
          if (bytes.length === 0) continue
          const wanted = all.map((one, place) =>
            place === index ? { ...one, bytes: encoder.encode(replacement) } : one,
          )
          expect(
            Buffer.from(editMultipart(body, [{ path, text: replacement }])).equals(build(edge, wanted)),
          ).toBe(true)
        }
      }),
      runs,
    )
  })

  test('of any bytes never throws', () => {
    const piece = fc.constantFrom(
      '--B',
      '\r\n',
      '--',
      'Content-Disposition: form-data; name="a"',
      ': ',
      'x',
      '\n',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
        expect(['ok', 'undecodable']).toContain(readMultipart(encoder.encode(`--B${pieces.join('')}`)).kind)
      }),
      { numRuns: 100 },
    )
  })
})
