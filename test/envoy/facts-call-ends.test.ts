import { describe, expect, test } from 'vitest'
import { type Bootstrap, ENVOY_MODES, type EnvoyMode, extProcOf } from '../support/bootstrap.ts'
import { accessLog, readBody, untilCounted, useRig } from '../support/envoy-rig.ts'
import type { ScriptedCall } from '../support/scripted-processor.ts'
import { body, headers, phasesOf, piece } from '../support/scripted-replies.ts'
import { gate } from '../support/upstream.ts'

const failOpen = (bootstrap: Bootstrap): void => {
  extProcOf(bootstrap).failure_mode_allow = true
}

const echo = (mode: EnvoyMode, text: string, end: 'more' | 'end' = 'more') =>
  mode === 'full-duplex' ? piece('response', text, end) : body('response')

describe.each(ENVOY_MODES)('a call that we end with OK in %s', mode => {
  const rig = useRig(mode)

  test('after the last request reply leaves a response that is still to come to Envoy alone', async () => {
    const answer = gate()
    rig().upstream.respond(async (_request, reply) => {
      await answer.opened
      reply.head(200)
      await reply.send('untouched')
      reply.end()
    })
    const { client, call } = await rig().asked()
    await untilCounted(rig(), 'streams_closed', () => call.end())
    answer.open()
    expect((await client.head).status).toBe(200)
    expect([await client.ended, client.text]).toEqual(['complete', 'untouched'])
    expect(phasesOf(call.received).filter(phase => phase.startsWith('response'))).toEqual([])
  })

  const inFlight =
    mode === 'full-duplex'
      ? 'while the response headers wait for their reply loses the bytes that were sent to us'
      : 'while the response headers wait for their reply loses nothing'
  test(inFlight, async () => {
    const rest = gate()
    rig().upstream.respond({ chunks: ['one ', rest, 'two'] })
    const { client, call } = await rig().asked()
    await call.next('response_headers')
    if (mode === 'full-duplex') await call.next('response_body')
    await untilCounted(rig(), 'streams_closed', () => call.end())
    rest.open()
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe(mode === 'full-duplex' ? 'two' : 'one two')
  })

  test('before any reply lets the request and its response pass unseen, although failure_mode_allow is false', async () => {
    rig().upstream.respond({ chunks: ['unseen'] })
    const client = rig().send({ method: 'GET' })
    const call = await rig().processor.call()
    await call.next('request_headers')
    call.end()
    expect((await client.head).status).toBe(200)
    expect([await client.ended, client.text]).toEqual(['complete', 'unseen'])
  })

  const unanswered =
    mode === 'full-duplex'
      ? 'while the request body is unanswered loses it'
      : 'while the request body is unanswered lets it pass unseen'
  test(unanswered, async () => {
    const count = rig().upstream.requests.length
    const { client, call } = await rig().opened({ body: 'attack' })
    await readBody(call, 'request')
    call.end()
    expect(await client.ended).toBe('complete')
    const { body: got } = await rig().upstream.request(count)
    expect(got.toString()).toBe(mode === 'full-duplex' ? '' : 'attack')
  })
})

describe.each(['full-duplex', 'streamed'] as const)(
  'a call that we end with OK in the middle of a response in %s',
  mode => {
    const rig = useRig(mode)

    test('lets the rest pass unseen', async () => {
      const { client, call, rest } = await rig().halfway()
      call.send(echo(mode, 'one '))
      await client.until('one ')
      await untilCounted(rig(), 'streams_closed', () => call.end())
      rest.open()
      expect(await client.ended).toBe('complete')
      expect(client.text).toBe('one two')
      expect(phasesOf(call.received).filter(phase => phase === 'response_body')).toHaveLength(1)
    })

    const inFlight =
      mode === 'full-duplex'
        ? 'loses a chunk that waits for its answer'
        : 'lets a chunk that waits for its answer pass as it came'
    test(inFlight, async () => {
      const { client, call, rest } = await rig().halfway()
      await untilCounted(rig(), 'streams_closed', () => call.end())
      rest.open()
      expect(await client.ended).toBe('complete')
      expect(client.text).toBe(mode === 'full-duplex' ? 'two' : 'one two')
    })
  },
)

describe.each(ENVOY_MODES)('a call that we end with an error in %s', mode => {
  const rig = useRig(mode)

  test('before the response headers were answered becomes status_on_error, with our details in the access log', async () => {
    rig().upstream.respond({ chunks: ['unseen'] })
    const { client, call } = await rig().asked({ path: '/error-early' })
    await call.next('response_headers')
    call.fail()
    expect((await client.head).status).toBe(503)
    expect(await client.ended).toBe('complete')
    expect(client.text).toContain('guardrail_unavailable')
    expect((await accessLog(rig(), '/error-early')).details).toBe(
      'ext_proc_error_gRPC_error_13{scripted{via_upstream}}',
    )
  })

  if (mode === 'buffered') return

  test('in the middle of a response cuts the client', async () => {
    const { client, call, rest } = await rig().halfway()
    call.send(echo(mode, 'one '))
    await client.until('one ')
    call.fail()
    expect(await client.ended).toBe('cut')
    expect(client.text).toBe('one ')
    rest.open()
  })
})

describe('failure_mode_allow: true', () => {
  const streamed = useRig('streamed', { overrides: failOpen })
  const duplex = useRig('full-duplex', { overrides: failOpen })

  test('lets the rest of a STREAMED response pass unseen after an error', async () => {
    const { client, call, rest } = await streamed().halfway()
    await untilCounted(streamed(), 'streams_closed', () => call.fail())
    rest.open()
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe('one two')
  })

  test('does not help in full duplex once body bytes were sent to us', async () => {
    const { client, call, rest } = await duplex().halfway()
    call.send(echo('full-duplex', 'one '))
    await client.until('one ')
    call.fail()
    expect(await client.ended).toBe('cut')
    rest.open()
  })
})

describe.each(['with', 'without'] as const)(
  '%s ext_proc_graceful_grpc_close, Envoy takes leave of a call',
  flag => {
    const mode = 'full-duplex'
    const rig = useRig(mode, {
      overrides: bootstrap => {
        if (flag === 'without') Reflect.deleteProperty(bootstrap, 'layered_runtime')
      },
    })
    /** Half-closed only, for us to end it; or reset as well. */
    const tookLeave = async (call: ScriptedCall): Promise<void> => {
      if (flag === 'without') return call.cancelled
      await call.left
      call.end()
      const resets = await rig().envoy.stats('cluster.weir.upstream_rq_tx_reset')
      expect(resets).toBe(0)
    }

    test('when the exchange is over', async () => {
      rig().upstream.respond({ chunks: ['answer'] })
      const { client, call } = await rig().asked()
      await call.next('response_headers')
      call.send(headers('response'))
      await readBody(call, 'response')
      call.send(piece('response', 'answer', 'end'))
      expect(await client.ended).toBe('complete')
      await tookLeave(call)
    })

    test('when the client goes away, and lets the upstream go', async () => {
      const count = rig().upstream.requests.length
      const { client, call, rest } = await rig().halfway()
      client.leave()
      await tookLeave(call)
      await (await rig().upstream.request(count)).aborted
      rest.open()
    })

    test('when the upstream is cut, and the client with it: what is held can go nowhere', async () => {
      const rest = gate()
      rig().upstream.respond({ chunks: ['one ', rest], ending: 'cut' })
      const { client, call } = await rig().asked()
      await call.next('response_headers')
      call.send(headers('response'))
      await call.next('response_body')
      await client.head
      rest.open()
      await call.left
      call.send(piece('response', 'held', 'end'))
      expect([await client.ended, client.text]).toEqual(['cut', ''])
      await tookLeave(call)
    })

    test('when the upstream is cut while the header reply is withheld: the client gets the 502 of Envoy', async () => {
      const rest = gate()
      rig().upstream.respond({ chunks: ['one ', rest], ending: 'cut' })
      const { client, call } = await rig().asked()
      await call.next('response_headers')
      await call.next('response_body')
      rest.open()
      await call.left
      expect((await client.head).status).toBe(502)
      expect([await client.ended, client.text]).toEqual([
        'complete',
        expect.stringContaining('upstream connect error'),
      ])
      expect(phasesOf(call.received).filter(phase => phase.startsWith('response'))).toEqual([
        'response_headers',
        'response_body',
      ])
      await tookLeave(call)
    })
  },
)
