import { afterAll, beforeAll, expect } from 'vitest'
import { chatCompletion } from '../support/chat.ts'
import { policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { STREAM_TYPE, text } from '../support/stream-events.ts'
import { policyOf, RemoteWords, STALLING } from '../support/stream-ways.ts'
import { type Gate, gate, type Script } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { answerOf, asksForJson, asksForStream, chat, type Seen } from './served-stack.ts'

// test/envoy/stream-cuts.test.ts cuts streams in every mode, delivery and sort of guard.

let stack: Stack
beforeAll(async () => {
  stack = await startStack('full-duplex')
})
afterAll(() => stack.stop())

/** What the client sees of an answer that is cut while its last chunk is held. `isSeen`: it has `fine `. */
async function cutWhileJudged(body: string, script: (isSeen: Gate) => Script): Promise<Seen> {
  const guard = new RemoteWords()
  const way = { delivery: 'window', guard: 'remote', headers: 'at_once' } as const
  stack.use(policySet(policyOf(way, { stream: { heartbeatMs: 600_000 }, outputRules: [rule(guard)] })))
  const [isSeen, isHeld] = [gate(), gate()]
  const { headers, chunks = [] } = script(isSeen)
  stack.upstream.respond({ headers, chunks: [...chunks, isHeld], ending: 'cut' })
  const client = chat(stack.envoy, body)
  client.until(text('fine ')).then(isSeen.open, () => {})
  const { telemetry } = stack.weir
  const last = chunks.at(-1)
  const lastBytes = typeof last === 'string' ? last.length : 0
  await telemetry.until(() => telemetry.heldBytes === lastBytes)
  isHeld.open()
  const seen = await answerOf(client)
  if (guard.asked.length > 0) await guard.givenUp.opened
  await telemetry.until(() => telemetry.ends.length > 0)
  expect([telemetry.ends, telemetry.heldBytes]).toEqual([['closed-by-envoy'], 0])
  const record = await telemetry.decided('response')
  expect(record).toMatchObject({ effective: 'discarded', because: 'cancelled', bytesDiscarded: lastBytes })
  return seen
}

fault(
  {
    fault: 'the LLM cuts a stream that Weir holds',
    client: 'what was cleared, then a cut',
    log: '`decision` with `discarded`, `cancelled`, and how many bytes',
    kept: 'what was held is not let out unjudged; the guard service is not waited for',
  },
  async () => {
    const seen = await cutWhileJudged(asksForStream, isSeen => ({
      headers: STREAM_TYPE,
      chunks: [text('fine '), isSeen, text(STALLING)],
    }))
    expect(seen).toEqual({ status: 200, text: text('fine '), ended: 'cut' })
  },
)

fault(
  {
    fault: 'the LLM cuts an answer that Weir holds',
    client: 'the 502 of Envoy',
    log: '`decision` with `discarded`, `cancelled`, and how many bytes',
    kept: 'half an answer is no answer: nothing of it comes out',
  },
  async () => {
    const seen = await cutWhileJudged(asksForJson, () => ({
      headers: { 'content-type': 'application/json', 'content-length': 10_000 },
      chunks: [chatCompletion(STALLING)],
    }))
    expect(seen).toMatchObject({ status: 502, ended: 'complete' })
    expect(seen.text).not.toContain(STALLING)
  },
)
