import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { chatEvents, chatRequest } from '../support/chat.ts'
import { flagWordAsItGrows, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { STREAM_TYPE, text } from '../support/stream-events.ts'
import { policyOf } from '../support/stream-ways.ts'
import { gate, type UpstreamHandler } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { connectH2, type H2Client, type H2Exchange } from './h2-client.ts'
import { answerOf, chat } from './served-stack.ts'

let stack: Stack
let client: H2Client
beforeAll(async () => {
  stack = await startStack('full-duplex')
})
beforeEach(async () => {
  client = await connectH2(stack.envoy.address)
  const way = { delivery: 'window', guard: 'local', headers: 'at_once' } as const
  const rules = [rule(flagWordAsItGrows('secret'))]
  stack.use(
    policySet(policyOf(way, { stream: { heartbeatMs: 600_000 }, inputRules: rules, outputRules: rules })),
  )
})
afterEach(() => client.close())
afterAll(() => stack.stop())

const PATH = '/v1/chat/completions'
const asking = (content: string): string => chatRequest(content, { stream: true })
const ask = (content: string): H2Exchange => client.send(PATH, asking(content))

/** By what is asked: `cut` answers half, `leak` what is denied, all else is fine and ends after `rest`. */
const answering =
  (rest: Promise<void>): UpstreamHandler =>
  async (request, reply) => {
    const asked = (await request.complete).toString()
    const [first, ...others] = chatEvents('all ', 'fine')
    reply.head(200, STREAM_TYPE)
    await reply.send(first!)
    await rest
    if (asked.includes('cut')) return reply.cut()
    const events = asked.includes('leak') ? [text('a sec'), text('ret')] : others
    for (const event of events) await reply.send(event)
    reply.end()
  }

const FINE = chatEvents('all ', 'fine').join('')

fault(
  {
    fault: 'one of the streams of an HTTP/2 client is denied, one cut by the LLM, one left by the client',
    client:
      'the refusal, a reset of that stream, nothing; the other streams of the connection: all of their answers',
    log: 'a `decision` of each: `denied`, `discarded`, `discarded`, `released`',
    kept: 'what ends one stream harms no other, and the connection stays',
  },
  async () => {
    const { telemetry } = stack.weir
    const rest = gate()
    stack.upstream.respond(answering(rest.opened))
    const asked = stack.upstream.requests.length
    const fine = Array.from({ length: 20 }, () => ask('hello'))
    const [cut, leaks, left] = [ask('cut'), ask('leak'), ask('left')]
    await stack.upstream.request(asked + 22)
    await Promise.all([...fine, cut, leaks, left].map(exchange => exchange.head))
    left.leave()
    await telemetry.until(() => telemetry.ends.length === 1)
    rest.open()
    expect(await cut.ended).toBe('cut')
    expect(await leaks.ended).toBe('complete')
    expect(leaks.text).toContain('Response blocked by policy')
    expect(leaks.text).not.toContain('sec')
    for (const exchange of fine) expect([await exchange.ended, exchange.text]).toEqual(['complete', FINE])
    expect(client.isOpen).toBe(true)
    await telemetry.until(() => telemetry.ends.length === 23)
    const responses = telemetry.records.filter(({ phase }) => phase === 'response')
    const count = (effective: string) => responses.filter(record => record.effective === effective).length
    expect([count('released'), count('denied'), count('discarded')]).toEqual([20, 1, 2])
    expect(telemetry.heldBytes).toBe(0)
  },
)

fault(
  {
    fault: 'the same exchanges come by HTTP/1.1 and by HTTP/2',
    client:
      'the same: answers, refusals of requests and of answers; a cut is a broken connection or a reset stream',
    log: 'the same decisions',
    kept: 'what is judged does not depend on how the client is connected',
  },
  async () => {
    const opened = gate()
    opened.open()
    stack.upstream.respond(answering(opened.opened))
    /** Refusals carry an id and a time of their own. */
    const plain = (got: string): string => got.replaceAll(/"id":"[^"]*"|"created":\d+/g, '')
    for (const content of ['hello', 'a secret', 'leak', 'cut']) {
      const second = ask(content)
      const ended = await second.ended
      const first = await answerOf(chat(stack.envoy, asking(content)))
      expect([plain(second.text), ended], content).toEqual([plain(first.text), first.ended])
      const { ':status': status } = await second.head.catch(() => ({ ':status': 0 }))
      expect(status).toBe(first.status)
    }
  },
)
