import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { answerOf, asksForJson, type ServedStack, startServed } from '../faults/served-stack.ts'
import { chatCompletion, chatRequest } from '../support/chat.ts'

const AT_ONCE = 10

let folder: string
let stack: ServedStack | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-records-'))
})
afterEach(async () => {
  await stack?.stop()
  rmSync(folder, { recursive: true })
})

/** Serves with this `server.log`, behind Envoy. */
async function start(log: string): Promise<ServedStack> {
  const served = await startServed(`
server: { log: ${log} }
guardrails: { words: { kind: keywords, words: [secret] } }
policies: [{ name: chat, guardrails: [{ use: words, direction: both }] }]
`)
  stack = served
  served.upstream.respond({
    headers: { 'content-type': 'application/json' },
    chunks: [chatCompletion('an answer')],
  })
  return served
}

test('sample_clean: 0 leaves out what was clean, counts it all the same, and tells every denial', async () => {
  const { chat, metric, weir } = await start('{ sample_clean: 0 }')
  await answerOf(chat(asksForJson))
  for (const phase of ['request', 'response']) {
    const clean = `weir_decisions_total{policy="chat",phase="${phase}",effective="released",reason="clean"}`
    await vi.waitFor(async () => expect(await metric(clean)).toBe(1))
  }
  await answerOf(chat(chatRequest('a secret')))
  await weir.logged('decision')
  const records = weir.lines.filter(({ msg }) => msg === 'decision')
  expect(records.map(({ phase, effective }) => [phase, effective])).toEqual([['request', 'denied']])
})

test('a file for the records is rotated under traffic, and has each exactly once', async () => {
  const file = join(folder, 'decisions.log')
  const { chat, weir } = await start(`{ decisions: { file: ${file}, rotate_bytes: 4096, keep: 1000 } }`)
  let exchanges = 0
  for (; readdirSync(folder).length < 3; exchanges += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => answerOf(chat(asksForJson))))
  }
  weir.signal('SIGTERM')
  expect(await weir.ended).toBe(0)
  const records = readdirSync(folder)
    .flatMap(name => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1))
    .map((line): { exchangeId: string; phase: string } => JSON.parse(line))
  expect(records).toHaveLength(2 * exchanges)
  expect(new Set(records.map(({ exchangeId, phase }) => `${exchangeId} ${phase}`)).size).toBe(2 * exchanges)
  expect(weir.lines.filter(({ msg }) => msg === 'decision')).toEqual([])
})
