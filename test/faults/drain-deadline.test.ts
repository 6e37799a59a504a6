import { afterAll, beforeAll, describe, expect, vi } from 'vitest'
import { chatCompletion } from '../support/chat.ts'
import { policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { STREAM_TYPE, text } from '../support/stream-events.ts'
import { policyOf, RemoteWords, STALLING } from '../support/stream-ways.ts'
import { gate } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { answerOf, asksForJson, asksForStream, chat, UNCHECKED } from './served-stack.ts'

describe.each(['full-duplex', 'streamed'] as const)('in %s', mode => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack(mode)
  })
  afterAll(() => stack.stop())

  fault(
    {
      fault: 'exchanges outlive the drain deadline',
      client: 'a stream: what was cleared, then a cut; else 503 with an API error',
      log: '`decision` with `discarded`, `cancelled`; `weir_exchanges_total{end="drained"}`',
      kept: 'the calls end as UNAVAILABLE, never OK, so that nothing that was held comes out',
    },
    async () => {
      const guard = new RemoteWords()
      const way = { delivery: 'window', guard: 'remote', headers: 'at_once' } as const
      stack.use(policySet(policyOf(way, { stream: { heartbeatMs: 600_000 }, outputRules: [rule(guard)] })))
      const { telemetry } = stack.weir
      const isSeen = gate()
      stack.upstream.respond(async (request, reply) => {
        const isStream = (await request.complete).toString() === asksForStream
        reply.head(200, isStream ? STREAM_TYPE : { 'content-type': 'application/json' })
        if (!isStream) return reply.send(chatCompletion(STALLING)).then(() => reply.end())
        await reply.send(text('fine '))
        await isSeen.opened
        await reply.send(text(STALLING))
      })
      const stream = chat(stack.envoy, asksForStream)
      const whole = chat(stack.envoy, asksForJson)
      await stream.until(text('fine '))
      isSeen.open()
      const asked = () => guard.asked.filter(texts => texts.includes(STALLING)).length
      await vi.waitUntil(() => asked() === 2, { interval: 5, timeout: 20_000 })

      await stack.weir.service.drain(1)
      expect(await answerOf(stream)).toEqual({ status: 200, text: text('fine '), ended: 'cut' })
      expect(await answerOf(whole)).toEqual(UNCHECKED)
      expect(telemetry.ends).toEqual(['drained', 'drained'])
      const responses = telemetry.records.filter(({ phase }) => phase === 'response')
      for (const record of responses) {
        expect(record).toMatchObject({ effective: 'discarded', because: 'cancelled' })
      }
      expect(responses.map(({ bytesDiscarded }) => bytesDiscarded).sort((a, b) => a - b)).toEqual([
        text(STALLING).length,
        chatCompletion(STALLING).length,
      ])
      expect(telemetry.heldBytes).toBe(0)
    },
  )
})
