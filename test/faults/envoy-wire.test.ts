import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Bootstrap, clusterOf } from '../support/bootstrap.ts'
import { chatCompletion } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { flagWordAsItGrows, policySet, rule } from '../support/policies.ts'
import { STREAM_TYPE, text } from '../support/stream-events.ts'
import { policyOf } from '../support/stream-ways.ts'
import { startToxiproxy, type Toxic, type ToxicProxy, type Toxiproxy } from '../support/toxiproxy.ts'
import { gate, startUpstream, type Upstream } from '../support/upstream.ts'
import { type RunningWeir, startWeir } from '../support/weir.ts'
import { fault, faultCases } from './fault.ts'
import { answerOf, asksForJson, asksForStream, chat, type Seen, UNCHECKED } from './served-stack.ts'

const REFUSED = 'Response blocked by policy'

let toxiproxy: Toxiproxy
let weir: RunningWeir
let upstream: Upstream
let wire: ToxicProxy
let envoy: RunningEnvoy
beforeAll(async () => {
  toxiproxy = await startToxiproxy()
  upstream = await startUpstream()
  const way = { delivery: 'window', guard: 'local', headers: 'at_once' } as const
  weir = await startWeir(
    policySet(
      policyOf(way, { stream: { heartbeatMs: 600_000 }, outputRules: [rule(flagWordAsItGrows('secret'))] }),
    ),
  )
  wire = await toxiproxy.open(weir.address)
  envoy = await startEnvoy({
    mode: 'full-duplex',
    weirAddress: wire.address,
    upstreamAddress: upstream.address,
    overrides: noticesSoon,
  })
})
afterAll(async () => {
  await envoy.stop()
  await upstream.stop()
  await weir.stop()
  await toxiproxy.stop()
})

let toxics: string[]
beforeEach(() => {
  weir.telemetry.clear()
  toxics = []
})
afterEach(async () => {
  for (const toxic of toxics) await wire.remove(toxic)
})

/** Our configs let a peer be silent for 40 s before it counts as gone. */
function noticesSoon(bootstrap: Bootstrap): void {
  const [options] = Object.values(Object(clusterOf(bootstrap, 'weir').typed_extension_protocol_options))
  const { http2_protocol_options: http2 } = Object(options).explicit_http_config
  expect(http2.connection_keepalive).toEqual({ interval: '30s', timeout: '10s' })
  http2.connection_keepalive = { interval: '1s', timeout: '1s' }
}

async function poison(toxic: Toxic, ...directions: ('upstream' | 'downstream')[]): Promise<void> {
  for (const direction of directions) toxics.push(await wire.add(direction, toxic))
}

/** A stream that is denied after `fine `, which the client is to have before the upstream goes on. */
async function denied(): Promise<Seen> {
  const more = gate()
  upstream.respond({ headers: STREAM_TYPE, chunks: [text('fine '), more, text('a sec'), text('ret')] })
  const client = chat(envoy, asksForStream)
  client.until(text('fine ')).then(more.open, () => {})
  return answerOf(client)
}

/** The stream that is denied, and an answer as JSON. */
async function bothAnswers(): Promise<readonly string[]> {
  const stream = await denied()
  expect([stream.status, stream.ended]).toEqual([200, 'complete'])
  upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [chatCompletion('an answer')] })
  const whole = await answerOf(chat(envoy, asksForJson))
  expect(whole).toEqual({ status: 200, text: chatCompletion('an answer'), ended: 'complete' })
  return [stream.text, whole.text]
}

faultCases(
  {
    fault: 'the wire between Envoy and Weir is slow, or slices what it carries',
    client: 'the same answers, later',
    log: 'nothing beside the decisions',
    kept: 'every byte, and every verdict',
  },
  () => {
    const slow: [string, Toxic][] = [
      ['later', { type: 'latency', latency: 20, jitter: 10 }],
      ['some KB a second', { type: 'bandwidth', rate: 30 }],
      ['in slices of a few bytes', { type: 'slicer', average_size: 7, size_variation: 5, delay: 10 }],
    ]
    test.each(slow)('%s', async (_, toxic) => {
      await poison(toxic, 'upstream', 'downstream')
      const [stream] = await bothAnswers()
      expect(stream).toContain(text('fine '))
      expect(stream).toContain(REFUSED)
      expect(stream).not.toContain('sec')
      expect(weir.telemetry.faults).toEqual([])
    })
  },
)

fault(
  {
    fault: 'the wire between Envoy and Weir breaks in the middle of a stream',
    client: 'what was cleared, then a cut',
    log: "`decision` with `discarded`, `cancelled`; `ext_proc_error…` in Envoy's access log",
    kept: 'nothing that was held comes out; the next exchange gets a new connection',
  },
  async () => {
    const more = gate()
    upstream.respond({ headers: STREAM_TYPE, chunks: [text('fine '), text('a sec'), more, text('ret')] })
    const client = chat(envoy, asksForStream)
    await client.until(text('fine '))
    const { telemetry } = weir
    await telemetry.until(() => telemetry.heldBytes === text('a sec').length)
    const reset = await wire.add('upstream', { type: 'reset_peer', timeout: 0 })
    more.open()
    expect(await answerOf(client)).toEqual({ status: 200, text: text('fine '), ended: 'cut' })
    await telemetry.until(() => telemetry.ends.length > 0)
    expect([telemetry.ends, telemetry.heldBytes]).toEqual([['closed-by-envoy'], 0])
    expect(telemetry.records.at(-1)).toMatchObject({
      effective: 'discarded',
      because: 'cancelled',
      bytesReleased: text('fine ').length,
      bytesDiscarded: text('a sec').length,
    })
    await envoy.logged(/"details":"ext_proc_error_gRPC_error_13\{upstream_reset_after/)
    await wire.remove(reset)
    await bothAnswers()
  },
)

faultCases(
  {
    fault: 'the wire between Envoy and Weir closes after any number of bytes',
    client: '503 with an API error; or what was cleared, then a cut; or all of it',
    log: "`ext_proc_error…` in Envoy's access log, and a `decision` where the body had come to Weir",
    kept: 'nothing that was not cleared, wherever the wire breaks',
  },
  () => {
    const positions = Array.from({ length: 24 }, (_, index) => 40 + index * 150)
    test.each(['upstream', 'downstream'] as const)('%s', async direction => {
      const seen = new Set<string>()
      for (const bytes of positions) {
        // The limit is one of each connection, so that a new one has to be made.
        await wire.takeDown()
        await wire.bringUp()
        const limit = await wire.add(direction, { type: 'limit_data', bytes })
        const { status, text: got, ended } = await denied()
        await wire.remove(limit)
        expect(got, `${bytes} bytes`).not.toContain('sec')
        if (status === 503) expect(got).toContain('guardrail_unavailable')
        else if (ended === 'cut') expect(['', text('fine ')]).toContain(got)
        else expect(got).toContain(REFUSED)
        seen.add(`${status} ${ended}`)
      }
      expect([...seen]).toEqual(expect.arrayContaining(['503 complete', '200 complete']))
    })
  },
)

fault(
  {
    fault: 'the wire between Envoy and Weir is down, and up again',
    client: '503 with an API error meanwhile; answers again afterwards',
    log: "`ext_proc_error_gRPC_error_14` in Envoy's access log",
    kept: 'what comes meanwhile reaches nobody',
  },
  async () => {
    const asked = upstream.requests.length
    await wire.takeDown()
    expect(await answerOf(chat(envoy, asksForJson))).toEqual(UNCHECKED)
    expect(upstream.requests).toHaveLength(asked)
    await envoy.logged(/"details":"ext_proc_error_gRPC_error_14\{/)
    await wire.bringUp()
    await bothAnswers()
  },
)

fault(
  {
    fault: 'the wire between Envoy and Weir swallows everything and says nothing',
    client:
      'no hang: what was cleared and a cut, or 503, once Envoy misses the keepalive (40 s in our configs)',
    log: "`ext_proc_error…` in Envoy's access log; `cluster.weir.http2.keepalive_timeout`",
    kept: 'nothing that was held comes out',
  },
  async () => {
    const more = gate()
    upstream.respond({ headers: STREAM_TYPE, chunks: [text('fine '), more, text('rest')] })
    const running = chat(envoy, asksForStream)
    await running.until(text('fine '))
    await poison({ type: 'timeout', timeout: 0 }, 'upstream', 'downstream')
    const late = chat(envoy, asksForJson)
    more.open()
    expect(await answerOf(running)).toEqual({ status: 200, text: text('fine '), ended: 'cut' })
    expect(await answerOf(late)).toEqual(UNCHECKED)
    expect(await envoy.stats('cluster.weir.http2.keepalive_timeout')).toBeGreaterThan(0)
  },
)
