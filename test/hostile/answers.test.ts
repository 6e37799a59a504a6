import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { JSON_ANSWER, STREAM_ANSWER } from '../support/chat.ts'
import { flagWordAsItGrows, policy, policySet, rule } from '../support/policies.ts'
import { DONE, finish, ROLE, text } from '../support/stream-events.ts'
import { useDoor } from './door.ts'
import { expectUnharmed } from './unharmed.ts'

/**
 * What an upstream, or whoever wrote what it quotes, can send to hurt. How frames are cut is in
 * test/unit/llm/event-stream.test.ts, how a stream's limits end it in test/exchange/limits.test.ts.
 */
const WORD = 'attack'
const MIB = 1_048_576
const door = useDoor()
const rules = [rule(flagWordAsItGrows(WORD))]
const guarded = policySet(policy({ inputRules: rules, outputRules: rules }))

afterEach(() => expectUnharmed(door(), WORD))

type Expected = 'passed' | 'flagged' | 'failed'

async function expectFate(
  expected: Expected,
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>> = STREAM_ANSWER,
): Promise<void> {
  door().use(guarded)
  const bytes = Buffer.from(body)
  const fate = await door().answer(headers, bytes)
  if (expected === 'passed') {
    expect(fate.kind === 'passed' && withoutBeats(fate.body).equals(withoutBeats(bytes))).toBe(true)
    return
  }
  const { record } = { record: await door().weir.telemetry.decided('response') }
  expect(record).toMatchObject({
    effective: 'denied',
    because: expected === 'flagged' ? 'flagged' : 'failed-closed',
  })
  const out = fate.kind === 'passed' ? fate.body.toString() : fate.kind === 'refused' ? fate.text : ''
  expect(out).not.toContain(WORD)
}

const withoutBeats = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString('latin1').replaceAll(':\n\n', ''), 'latin1')
const stream = (...events: readonly string[]): string => [ROLE, ...events, finish(), DONE].join('')
const withEnds = (body: string, end: string): string => body.replaceAll('\n', end)

describe('a stream', () => {
  test.each<[string, Expected, string]>([
    ['a line of 10 MiB', 'failed', stream(text('x'.repeat(10 * MIB)))],
    ['a line of 10 MiB that never ends', 'failed', `data: ${'x'.repeat(10 * MIB)}`],
    ['10 MiB of a field nobody knows', 'failed', `${'x'.repeat(10 * MIB)}\n\n${stream(text(WORD))}`],
    ['10 MiB of CR', 'failed', '\r'.repeat(10 * MIB)],
    ['line ends of CR only', 'flagged', withEnds(stream(text(WORD)), '\r')],
    ['line ends of CR only, clean', 'passed', withEnds(stream(text('hello')), '\r')],
    ['line ends of CR LF', 'flagged', withEnds(stream(text(WORD)), '\r\n')],
    ['comments only', 'passed', ': nothing to say\n\n'.repeat(1000)],
    ['the word in comments', 'passed', `: ${WORD}\n\n`.repeat(10)],
    ['100,000 comments before the word', 'flagged', `${':\n'.repeat(100_000)}${stream(text(WORD))}`],
    [
      'data over many lines',
      'flagged',
      stream(text(WORD).replace('{', '{\ndata: ').replace(',', ',\ndata:')),
    ],
    ['data over many lines, clean', 'passed', stream(text('hello').replace('{', '{\ndata: '))],
    ['an event of 100,000 lines', 'failed', stream(`${'data: {\n'.repeat(100_000)}\n`)],
    ['the word in 100,000 pieces', 'flagged', stream(...[...WORD].map(one => text(one)))],
    ['a NUL in the middle', 'failed', stream(`data: \0\n\n`, text(WORD))],
    ['an event that is no JSON', 'failed', stream('data: {\n\n', text(WORD))],
    ['an event deeper than any', 'failed', stream(`data: ${'['.repeat(100_000)}\n\n`, text(WORD))],
    [
      'names that objects have',
      'flagged',
      stream('data: {"__proto__":{"polluted":1},"choices":[]}\n\n', text(WORD)),
    ],
    ['an index past all', 'failed', stream(text(WORD).replace('"index":0', '"index":4294967296'))],
    ['bytes behind the end', 'flagged', `${stream(text('hello'))}${text(WORD)}`],
  ])('%s: %s', (_, expected, body) => expectFate(expected, body))

  test('bytes that are no UTF-8 fail', () =>
    expectFate('failed', Buffer.from(stream(text(`\xff${WORD}`)), 'latin1')))
})

/** 4 MiB are cut and judged in many ways each: some twenty seconds on a quiet machine. */
const LARGE_MS = 180_000

const answering = (content: string, more = ''): string =>
  `{"choices":[{"index":0,"message":{"role":"assistant","content":"${content}"},"finish_reason":"stop"}]${more}}`
const CODERS = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync, zstd: zstdCompressSync }

describe('a JSON answer', () => {
  test.each<[string, Expected, string]>([
    ['4 MiB of [', 'failed', '['.repeat(4 * MIB)],
    ['names that objects have', 'flagged', answering(WORD, ',"__proto__":{"polluted":1},"constructor":1')],
    ['4 MiB of text', 'flagged', answering('x'.repeat(4 * MIB) + WORD)],
    ['4 MiB of text, clean', 'passed', answering('x'.repeat(4 * MIB))],
    ['UTF-16 in the guise of JSON', 'failed', Buffer.from(answering(WORD), 'utf16le').toString('latin1')],
  ])('%s: %s', (_, expected, body) => expectFate(expected, body, JSON_ANSWER), LARGE_MS)

  test.each(Object.entries(CODERS))('a bomb in %s fails', async (coding, encode) => {
    const bomb = encode(Buffer.alloc(100 * MIB))
    await expectFate('failed', bomb, { ...JSON_ANSWER, 'content-encoding': coding })
    await expectFate('failed', bomb, { ...STREAM_ANSWER, 'content-encoding': coding })
  })
})
