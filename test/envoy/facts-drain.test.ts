import { afterEach, describe, expect, test, vi } from 'vitest'
import { chatEvents, chatRequest } from '../support/chat.ts'
import { accessLog, type EnvoyRig, readBody, startRig } from '../support/envoy-rig.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type RawExchange, send } from '../support/raw-client.ts'
import { headers, piece } from '../support/scripted-replies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { type Gate, gate } from '../support/upstream.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** Envoy has read the GOAWAY: it opens no call on that connection any more. */
async function goneAway(envoy: EnvoyRig['envoy']): Promise<void> {
  const closing = () => envoy.stats('cluster.weir.upstream_cx_close_notify')
  await vi.waitUntil(async () => (await closing()) > 0, { interval: 5 })
}

describe('a processor that drains', () => {
  test('keeps its running exchanges and gets no new ones: those fail closed', async () => {
    const rig = await startRig('full-duplex')
    stops.push(() => rig.stop())
    const rest = gate()
    rig.upstream.respond({ chunks: ['one ', rest, 'two'] })
    const { client, call } = await rig.opened()
    await readBody(call, 'request')
    call.send(piece('request', '{}', 'end'))
    await call.next('response_headers')
    call.send(headers('response'))
    await call.next('response_body')
    const drained = rig.processor.drain()
    await goneAway(rig.envoy)

    const late = rig.send({ path: '/late' })
    expect((await late.head).status).toBe(503)
    await late.ended
    expect(late.text).toContain('guardrail_unavailable')
    expect((await accessLog(rig, '/late')).details).toMatch(/^ext_proc_error_gRPC_error_14/)

    call.send(piece('response', 'one '))
    rest.open()
    expect(await readBody(call, 'response')).toBe('two')
    call.send(piece('response', 'two', 'end'))
    expect([await client.ended, client.text]).toEqual(['complete', 'one two'])
    call.end()
    await drained
  })
})

describe('Weir that drains while it holds a stream', () => {
  const events = chatEvents('all ', 'fine')

  async function holding(): Promise<{ stack: Stack; client: RawExchange; rest: Gate }> {
    const stack = await startStack('full-duplex')
    stops.push(() => stack.stop())
    stack.use(policySet(policy({ outputRules: [rule(flagWord('secret'))] })))
    const rest = gate()
    const [first, ...others] = events
    const answer = { 'content-type': 'text/event-stream' }
    stack.upstream.respond({ headers: answer, chunks: [first!, rest, ...others] })
    const client = send(stack.envoy.address, {
      path: '/v1/chat/completions',
      headers: { 'content-type': 'application/json' },
      body: chatRequest('hello', { stream: true }),
    })
    expect((await client.head).status).toBe(200)
    return { stack, client, rest }
  }

  test('serves the exchange to its end', async () => {
    const { stack, client, rest } = await holding()
    const drained = stack.weir.service.drain(60_000)
    await goneAway(stack.envoy)
    rest.open()
    expect([await client.ended, client.text]).toEqual(['complete', events.join('')])
    await drained
    expect(stack.weir.telemetry.ends).toEqual(['closed-by-envoy'])
  })

  test('cuts it at the drain deadline, and lets nothing held out', async () => {
    const { stack, client, rest } = await holding()
    await stack.weir.service.drain(0)
    expect([await client.ended, client.text]).toEqual(['cut', ''])
    expect(stack.weir.telemetry.ends).toEqual(['drained'])
    rest.open()
  })
})
