import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readChatStream } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { longAnswer, PHRASES, WORDS } from './answers.ts'
import { jsonExchange, streamExchange } from './exchange-messages.ts'
import { CHUNK_EVERY_MS, CHUNKS, HELD_TOKENS, REQUEST, STREAMS } from './many-streams.ts'
import { SOAK_KINDS } from './soak-kinds.ts'
import { TOKEN } from './stream-llm.ts'
import { LONG_PROMPT } from './workers.ts'
import { yardstickSection } from './yardstick.ts'

/** Figures of different days compare only while the benches do the same work. */
test('the inputs of the benches are what they were', () => {
  const digest = (value: unknown): string =>
    createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
  const keyword = readFileSync(new URL('./keyword.yaml', import.meta.url), 'utf8')
  const hex = (messages: readonly Uint8Array[]): string[] =>
    messages.map(message => Buffer.from(message).toString('hex'))
  expect({
    answers: digest([PHRASES, WORDS, hex(longAnswer(100))]),
    exchanges: digest(
      (['duplex', 'streamed'] as const).flatMap(mode =>
        hex([...jsonExchange(mode), ...streamExchange(mode, 10)]),
      ),
    ),
    keyword: digest(keyword),
    streams: digest([STREAMS, CHUNKS, CHUNK_EVERY_MS, HELD_TOKENS, TOKEN, REQUEST.toString()]),
    workers: digest(LONG_PROMPT),
    soak: digest(SOAK_KINDS),
  }).toMatchInlineSnapshot(`
    {
      "answers": "27dac37dc64b61ed",
      "exchanges": "ef0ff5791b61cc5d",
      "keyword": "94a44cb575b52354",
      "soak": "e9104f0063ea6102",
      "streams": "2bf361292fb3c382",
      "workers": "ff4719d21a4076bc",
    }
  `)
})

test('the request of the streams is of 1 KB, and a long answer is a whole one', () => {
  expect(REQUEST.byteLength).toBeGreaterThan(1_000)
  expect(REQUEST.byteLength).toBeLessThan(1_100)
  const read = readChatStream(Buffer.concat(longAnswer(1_000)))
  expect([read.done, read.finish]).toEqual([1, 'stop'])
})

test('the config of the yardstick has one guardrail on both sides', async () => {
  const snapshot = snapshotOf(readFileSync(new URL('./keyword.yaml', import.meta.url), 'utf8'))
  expect([...snapshot.guardrails.keys()]).toEqual(['words'])
  await snapshot.close()
})

const round = { rps: 100, p50: 500, p99: 1000, cpu_req: 100, cpu_chunk: 0, rss: 100, errs: 0 }

test('the file of the yardstick is read by rounds: the ratio of each, then their median, then the worse mode', () => {
  const rounds = (job: string, mode: string, who: string, ...all: object[]) => ({
    [`${job} | ${mode} | ${who}`]: all.map(one => ({ ...round, ...one })),
  })
  const job = '1 KB json, c=32'
  const { measured } = yardstickSection(
    JSON.stringify({
      ...rounds(job, '-', 'base', { p50: 100 }, { p50: 100 }, { p50: 100 }),
      ...rounds(job, 'duplex', 'go', { cpu_req: 100 }, { cpu_req: 200 }, { cpu_req: 100 }),
      ...rounds(job, 'duplex', 'weir', { cpu_req: 110 }, { cpu_req: 240 }, { cpu_req: 500, errs: 2 }),
      ...rounds(job, 'streamed', 'go', {}, {}, {}),
      ...rounds(job, 'streamed', 'weir', { cpu_req: 140 }, { cpu_req: 140 }, { cpu_req: 140 }),
      ...rounds('1 KB json, c=1', '-', 'base', { p50: 100 }),
      ...rounds('1 KB json, c=1', 'duplex', 'go', { p50: 300 }),
      ...rounds('1 KB json, c=1', 'duplex', 'weir', { p50: 340 }),
    }),
  )
  expect(measured).toEqual({
    requestCpu: 1.4,
    p99: 1,
    addedP50: 1.2,
    chunkCpu: undefined,
    largeRate: undefined,
    errors: 2,
  })
  expect(() => yardstickSection('{"no such key":[]}')).toThrow()
})
