import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Frame, LlmRequest } from '../../src/llm/format.ts'
import { openaiChat } from '../../src/llm/openai-chat/index.ts'

const encoder = new TextEncoder()

interface Step {
  readonly choice: number
  readonly says: 'content' | 'reasoning_content' | 'refusal' | 'finish' | 'role'
  readonly text: string
}

const step = fc.record<Step>({
  choice: fc.nat({ max: 3 }),
  says: fc.constantFrom('content', 'reasoning_content', 'refusal', 'finish', 'role'),
  text: fc.string({ unit: 'binary', maxLength: 8 }),
})

function toEvent({ choice, says, text }: Step, lineEnd: string): string {
  const delta =
    says === 'role' ? { role: 'assistant', content: '' } : says === 'finish' ? {} : { [says]: text }
  const choices = [{ index: choice, delta, finish_reason: says === 'finish' ? 'stop' : null }]
  const json = JSON.stringify({ id: 'chatcmpl-1', model: 'm', created: 1, choices })
  return `data: ${json}${lineEnd}${lineEnd}`
}

const lineEnds = fc.constantFrom('\n', '\r\n', '\r')
const steps = fc.array(step, { maxLength: 12 })

function decode(bytes: Uint8Array, cuts: readonly number[]): readonly Frame[] {
  const stream = openaiChat.openStream()
  const borders = [0, ...cuts.map(cut => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b)
  const chunks = borders.slice(1).map((border, index) => bytes.slice(borders[index], border))
  return [...chunks.flatMap(chunk => stream.push(chunk)), ...stream.end()]
}

describe('decoding a stream', () => {
  test('gives the same frames and parts however the bytes are cut', () => {
    fc.assert(
      fc.property(
        steps,
        lineEnds,
        fc.array(fc.nat({ max: 2000 }), { maxLength: 20 }),
        (all, lineEnd, cuts) => {
          const bytes = encoder.encode(
            `${all.map(each => toEvent(each, lineEnd)).join('')}data: [DONE]${lineEnd}${lineEnd}`,
          )
          expect(decode(bytes, cuts)).toEqual(decode(bytes, []))
        },
      ),
    )
  })

  test('finds every text in order', () => {
    fc.assert(
      fc.property(steps, lineEnds, (all, lineEnd) => {
        const frames = decode(encoder.encode(all.map(each => toEvent(each, lineEnd)).join('')), [])
        const found = frames
          .flatMap(({ parts }) => parts)
          .flatMap(part => (part.kind === 'text-delta' ? [part.text] : []))
        const said = all.filter(({ says }) => says !== 'role' && says !== 'finish').map(({ text }) => text)
        expect(found).toEqual(said.filter(text => text !== ''))
      }),
    )
  })

  test('never throws, whatever the data', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 5 }),
        fc.constantFrom('delta', 'message', 'choices', 'root'),
        (value, at) => {
          const chunk =
            at === 'root'
              ? value
              : at === 'choices'
                ? { choices: [value] }
                : { choices: [{ index: 0, [at]: value }] }
          expect(decode(encoder.encode(`data: ${JSON.stringify(chunk)}\n\n`), [])).toHaveLength(1)
          const body = encoder.encode(JSON.stringify({ messages: [value], choices: [{ message: value }] }))
          expect(['ok', 'undecodable']).toContain(openaiChat.decodeRequest(body).kind)
          expect(['ok', 'undecodable']).toContain(openaiChat.decodeResponse(body).kind)
        },
      ),
    )
  })
})

test('a refusal at any point leaves every choice with one role, one end, and the stream with one terminator', () => {
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
    fc.property(steps, fc.nat({ max: 12 }), fc.integer({ min: 1, max: 4 }), (all, count, choices) => {
      const consistent = wellFormed(all)
      const frames = decode(encoder.encode(consistent.map(each => toEvent(each, '\n')).join('')), []).slice(
        0,
        count,
      )
      const at = openaiChat.openPosition()
      for (const frame of frames) at.released(frame)
      const refusal = {
        message: 'no',
        id: '0',
        createdSec: 2,
        finishReason: 'auto',
        request: requestOf(choices),
      } as const
      const seen = Buffer.concat([
        ...frames.map(({ bytes }) => bytes),
        openaiChat.streamRefusal(refusal, at),
      ]).toString()

      const data = seen
        .split('\n\n')
        .slice(0, -1)
        .map(event => event.slice('data: '.length))
      expect(data.indexOf('[DONE]')).toBe(data.length - 1)
      const parsed = data.slice(0, -1).flatMap(event => JSON.parse(event).choices)
      for (let index = 0; index < choices; index++) {
        const own = parsed.filter(choice => choice.index === index)
        expect(own.filter(choice => choice.delta.role !== undefined)).toHaveLength(1)
        expect(own.findIndex(choice => choice.finish_reason !== null)).toBe(own.length - 1)
      }
    }),
    { numRuns: 300 },
  )
})

/** A stream as upstreams send it: a choice's role first and once, nothing after its end. */
function wellFormed(all: readonly Step[]): readonly Step[] {
  const opened = new Set<number>()
  const finished = new Set<number>()
  return all.flatMap(each => {
    if (finished.has(each.choice) || (each.says === 'role' && opened.has(each.choice))) return []
    if (each.says === 'finish') finished.add(each.choice)
    const isFirst = !opened.has(each.choice) && each.says !== 'role'
    opened.add(each.choice)
    return isFirst ? [{ ...each, says: 'role' as const }, each] : [each]
  })
}
