import { describe, expect, test } from 'vitest'
import type { ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import { lakeraRequests } from '../../../../src/guardrail/lakera/request.ts'
import type { TextSegment } from '../../../../src/llm/format.ts'
import { failure, useRig, verdict } from '../rig.ts'
import { input, segment } from '../segments.ts'
import { lakeraService } from './rig.ts'

const rig = useRig(lakeraService)

const requestsOf = (subject: ScanSubject, maxChars = 100_000) =>
  lakeraRequests(subject, maxChars).map(messages =>
    messages.map(({ role, content, pieces }) => ({
      said: `${role}: ${content}`,
      from: pieces.map(piece => piece.segment),
    })),
  )

test('every message knows the segments it came from, blank ones left out', () => {
  const segments = [
    segment(' ', { message: 0, role: 'system' }),
    segment('a', { message: 1 }),
    segment('', { message: 1 }),
    segment('b', { message: 1 }),
    segment('c', { message: 1, role: 'tool', kind: 'tool-result' }),
    segment('d', { message: 2 }),
    segment('e', { message: 3 }),
  ]
  expect(requestsOf({ side: 'input', segments })).toEqual([
    [
      { said: 'user: a\nb', from: [1, 3] },
      { said: 'tool: c', from: [4] },
      { said: 'user: d', from: [5] },
      { said: 'user: e', from: [6] },
    ],
  ])
})

function answer(segments: readonly TextSegment[], conversation: readonly TextSegment[] = []): ScanSubject {
  return { side: 'output', conversation, segments, final: false }
}

test('interleaved choices come together, each in its own order', () => {
  const texts = ['b0', 'a0', 'b1', 'a1']
  const segments = texts.map((text, index) => segment(text, { message: index % 2 === 0 ? 1 : 0 }))
  expect(requestsOf(answer(segments))).toEqual([
    [
      { said: 'assistant: a0\na1', from: [1, 3] },
      { said: 'assistant: b0\nb1', from: [0, 2] },
    ],
  ])
})

test('what was asked stands before the answer and for no segment of it', () => {
  const asked = [segment('be brief', { role: 'system' }), segment('why?', { message: 1 })]
  expect(requestsOf(answer([segment('so')], asked))).toEqual([
    [
      { said: 'system: be brief', from: [] },
      { said: 'user: why?', from: [] },
      { said: 'assistant: so', from: [0] },
    ],
  ])
  expect(requestsOf(answer([segment(' ')], asked))).toEqual([])
})

/** Sentences that say which they are. */
const sentences = (count: number, name: string): string =>
  Array.from({ length: count }, (_, n) => `This is ${name} number ${n}.`).join(' ')
const numbersIn = (text: string): Set<string> => new Set(text.match(/\w+ number \d+/g))
const charsOf = (messages: readonly { readonly said: string }[]): number =>
  messages.reduce((sum, { said }) => sum + said.slice(said.indexOf(': ') + 2).length, 0)

describe('what is too long for one request', () => {
  test('goes in several, in order, with its roles, and nothing is left out', () => {
    const segments = [
      segment('Be a bank.', { role: 'system' }),
      segment(sentences(100, 'question'), { message: 1 }),
      segment(sentences(100, 'answer'), { message: 2, role: 'assistant' }),
      segment('thanks', { message: 3 }),
    ]
    const requests = requestsOf({ side: 'input', segments }, 1000)
    expect(requests.length).toBeGreaterThan(4)
    for (const request of requests) expect(charsOf(request)).toBeLessThanOrEqual(1000)
    const said = requests.flat().map(message => message.said)
    expect(said[0]).toBe('system: Be a bank.')
    expect(said.at(-1)).toBe('user: thanks')
    expect(numbersIn(said.filter(one => one.startsWith('user: ')).join()).size).toBe(100)
    expect(numbersIn(said.filter(one => one.startsWith('assistant: ')).join()).size).toBe(100)
  })

  test('of an answer: what was asked is judged by itself, and the newest of it before each part', () => {
    const newest = `The newest question. ${'So? '.repeat(60)}`
    const asked = [segment(sentences(60, 'question'), { message: 0 }), segment(newest, { message: 1 })]
    const requests = requestsOf(answer([segment(sentences(60, 'answer'))], asked), 1000)
    for (const request of requests) expect(charsOf(request)).toBeLessThanOrEqual(1000)
    const parts = requests.filter(request => request.some(({ from }) => from.length > 0))
    const before = requests.filter(request => !parts.includes(request))
    expect(numbersIn(before.flatMap(request => request.map(({ said }) => said)).join()).size).toBe(60)
    expect(numbersIn(parts.flatMap(request => request.map(({ said }) => said)).join()).size).toBe(60)
    for (const part of parts) {
      expect(part[0]).toEqual({ said: `user: ${newest}`, from: [] })
      expect(part.slice(1).map(({ from }) => from)).toEqual([[0]])
    }
  })

  test('leaves at least half of a request to the answer', () => {
    const asked = [segment('Why?', { message: 0 }), segment(sentences(30, 'question'), { message: 1 })]
    const requests = requestsOf(answer([segment(sentences(60, 'answer'))], asked), 1000)
    expect(requests[0]?.map(({ from }) => from)).toEqual([[], []])
    for (const part of requests.slice(1)) expect(part.map(({ from }) => from)).toEqual([[0]])
  })

  test('takes no request for a stretch that is blank', () => {
    const requests = requestsOf(input(`begin${' '.repeat(5000)}end`), 1000)
    expect(requests.flat().every(({ said }) => /: .*\S/.test(said))).toBe(true)
    expect(requests.at(-1)?.at(-1)?.said).toMatch(/end$/)
  })

  test('and needs more than 20 requests is over-limit, what was asked included', async () => {
    const long = sentences(800, 'question')
    expect(await rig.scan(input(long), { max_chars: 1000 })).toMatchObject(failure('over-limit'))
    const half = sentences(400, 'question')
    const subject = answer([segment(half)], [segment(half)])
    expect(await rig.scan(subject, { max_chars: 1000 })).toMatchObject(failure('over-limit'))
    expect(rig.stub.requests).toEqual([])
  })

  test('is scanned whole: a finding in any part counts, and has its place', async () => {
    const text = `${sentences(60, 'one')} mail PII-ME 🙂 ${sentences(60, 'two')} or PII-ME`
    const outcome = await rig.scan(input('hi', text), { max_chars: 1000 })
    expect(rig.stub.requests.length).toBeGreaterThan(3)
    const span = (start: number) => ({
      detector: 'pii/email',
      level: 'l1_confident',
      span: { segment: 1, start, end: start + 6 },
    })
    const [first, last] = [text.indexOf('PII-ME'), text.lastIndexOf('PII-ME')]
    expect(outcome).toMatchObject(verdict({ kind: 'flagged', findings: [span(first), span(last)] }))
    expect(await rig.scan(input(`${sentences(60, 'one')} FLAG-ME`), { max_chars: 1000 })).toMatchObject(
      verdict({ kind: 'flagged', findings: [{ detector: 'prompt_attack' }] }),
    )
  })

  test('in which one request fails is flagged and incomplete, without a place for all of it', async () => {
    rig.stub.failNext({ kind: 'status', status: 500 })
    const text = `PII-ME and ${sentences(60, 'one')} and PII-ME`
    const outcome = await rig.scan(input(text), { max_chars: 1000 })
    expect(rig.stub.requests).toHaveLength(2)
    expect(outcome).toMatchObject(verdict({ kind: 'flagged', incomplete: 'bad-response' }))
    expect(JSON.stringify(outcome)).toContain('{"detector":"unscanned"}')
  })

  test('has a breakdown by its strongest levels', async () => {
    const entry = (detector_type: string, detected: boolean, result: string) => ({
      detector_type,
      detected,
      result,
    })
    for (const results of [
      [entry('a', true, 'l3_likely'), entry('b', false, 'l5_unlikely'), entry('c', true, 'no_level')],
      [
        entry('a', true, 'l1_confident'),
        entry('b', true, 'l4_less_likely'),
        entry('c', true, 'l2_very_likely'),
      ],
    ]) {
      rig.stub.failNext({ kind: 'body', body: JSON.stringify({ flagged: true, breakdown: results }) })
    }
    expect(await rig.scan(input(sentences(60, 'one')), { max_chars: 1000 })).toMatchObject(
      verdict({
        breakdown: [
          { detector: 'a', detected: true, level: 'l1_confident' },
          { detector: 'b', detected: true, level: 'l4_less_likely' },
          { detector: 'c', detected: true, level: 'l2_very_likely' },
        ],
      }),
    )
    expect(rig.stub.requests).toHaveLength(2)
  })
})

test('a body that the service finds too large is no verdict', async () => {
  const text = sentences(40_000, 'one')
  expect(await rig.scan(input(text), { max_chars: 1_000_000 })).toMatchObject({
    ...failure('bad-response'),
    detail: 'status-4xx',
  })
})
