import { describe, expect, it } from 'vitest'
import { DecisionRing, KEPT_DECISIONS } from '../../../src/console/decision-ring.ts'
import type { RuleRecord } from '../../../src/exchange/record.ts'
import { readLogLine } from '../../../src/telemetry/decision-view.ts'
import { recordOf } from '../telemetry/records.ts'

const ringOf = (given: Partial<ConstructorParameters<typeof DecisionRing>[0]> = {}) =>
  new DecisionRing({ scrub: line => line, nowMs: () => 0, ...given })
const RULE: RuleRecord = {
  guardrail: 'lakera',
  action: 'block',
  outcome: 'flagged',
  detectors: ['prompt_attack'],
  ms: 1,
}
const lineOf = (ring: DecisionRing) => JSON.parse(ring.after(0, 1).lines[0]!.line)

describe('the ring of decisions', () => {
  it('gives what came after a place, in order, and where to go on', () => {
    const ring = ringOf()
    for (const policy of ['a', 'b', 'c']) ring.add(recordOf({ policy }), 1)
    const first = ring.after(0, 2)
    expect(first.lines.map(({ number, line }) => [number, JSON.parse(line).policy])).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
    expect(first).toMatchObject({ missed: 0, last: 2 })
    expect(ring.after(first.last, 2).lines.map(({ line }) => JSON.parse(line).policy)).toEqual(['c'])
    expect(ring.after(3, 2)).toEqual({ lines: [], missed: 0, last: 3 })
  })

  it('keeps the newest, and says how many are gone', () => {
    const ring = ringOf()
    for (let index = 0; index < KEPT_DECISIONS + 3; index++) ring.add(recordOf({ bytesReleased: index }), 1)
    const { lines, missed, last } = ring.after(0, KEPT_DECISIONS)
    expect([missed, last, lines.length]).toEqual([3, KEPT_DECISIONS + 3, KEPT_DECISIONS])
    expect(JSON.parse(lines[0]!.line).bytesReleased).toBe(3)
  })

  it.each([1, KEPT_DECISIONS, KEPT_DECISIONS + 7])('counts %d that were lost elsewhere', lost => {
    const ring = ringOf()
    ring.skip(lost)
    ring.addLine('{}\n')
    expect(ring.after(0, 10)).toEqual({
      lines: [{ number: lost + 1, line: '{}\n' }],
      missed: lost,
      last: lost + 1,
    })
  })

  it('writes a decision as the log does, with what the detectors came to', () => {
    const ring = ringOf({ worker: 2, nowMs: () => Date.UTC(2026, 0, 2) })
    const breakdown = [{ detector: 'prompt_attack', detected: true, score: 0.9 }]
    const record = recordOf({ effective: 'denied', because: 'flagged', rules: [{ ...RULE, breakdown }] })
    ring.add(record, 1.23456, { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) })
    expect(lineOf(ring)).toMatchObject({
      level: 'warn',
      time: '2026-01-02T00:00:00.000Z',
      worker: 2,
      msg: 'decision',
      trace_id: 'a'.repeat(32),
      span_id: 'b'.repeat(16),
      effective: 'denied',
      rules: [{ guardrail: 'lakera', detectors: ['prompt_attack'], breakdown }],
      ms: 1.235,
    })
    expect(readLogLine(ring.after(0, 1).lines[0]!.line)?.kind).toBe('decision')
  })

  it('makes no line before somebody reads', () => {
    let made = 0
    const ring = ringOf({
      scrub: line => {
        made += 1
        return line
      },
    })
    ring.add(recordOf({ rules: [RULE] }), 1)
    expect(made).toBe(0)
    ring.after(0, 1)
    ring.after(0, 1)
    expect(made).toBe(1)
  })

  it.each<[string, Partial<RuleRecord>]>([
    ['many detectors', { detectors: Array.from({ length: 100_000 }, (_, index) => `d${index}`) }],
    ['a long name', { detectors: ['x'.repeat(1_000_000)] }],
    ['a long level', { breakdown: [{ detector: 'x', detected: true, level: 'y'.repeat(1_000_000) }] }],
    ['a long id', { guardRequestId: 'z'.repeat(1_000_000) }],
  ])('cuts %s at once, whether or not somebody reads', (_, rule) => {
    let made = 0
    const ring = ringOf({
      scrub: line => {
        made = line.length
        return line
      },
    })
    ring.add(recordOf({ rules: [{ ...RULE, ...rule }] }), 1)
    expect(made).toBeGreaterThan(0)
    expect(made).toBeLessThan(16_384)
  })

  it('takes secrets out of what a guard service named', () => {
    const ring = ringOf({ scrub: line => line.replaceAll('sk-canary', '***') })
    ring.add(recordOf({ rules: [{ ...RULE, detectors: ['sk-canary'] }] }), 1)
    expect(lineOf(ring).rules[0].detectors).toEqual(['***'])
  })
})
