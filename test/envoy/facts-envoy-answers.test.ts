import { describe, expect, test } from 'vitest'
import {
  type Bootstrap,
  clusterOf,
  connectionManagerOf,
  ENVOY_MODES,
  type EnvoyMode,
} from '../support/bootstrap.ts'
import { accessLog, useRig } from '../support/envoy-rig.ts'
import type { ScriptedCall } from '../support/scripted-processor.ts'
import {
  body,
  bodyOf,
  headerOf,
  headers,
  phasesOf,
  piece,
  type WireMessage,
} from '../support/scripted-replies.ts'

/** Lets every message pass until Envoy leaves. */
async function passAll(call: ScriptedCall, mode: EnvoyMode): Promise<readonly WireMessage[]> {
  const pass = async (): Promise<never> => {
    for (;;) {
      const message = await call.next()
      const side = message.request.startsWith('request') ? 'request' : 'response'
      if (message.request.endsWith('headers')) call.send(headers(side))
      else if (mode !== 'full-duplex') call.send(body(side))
      else call.send(piece(side, bodyOf(message).text, bodyOf(message).end ? 'end' : 'more'))
    }
  }
  await pass().catch(() => call.end())
  return call.received
}

/** A filter before ours that answers every request. */
const answersFirst = (bootstrap: Bootstrap): void => {
  connectionManagerOf(bootstrap).http_filters.unshift({
    name: 'envoy.filters.http.fault',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
      abort: { http_status: 401, percentage: { numerator: 100 } },
    },
  })
}

describe.each(ENVOY_MODES)('an answer of Envoy itself in %s', mode => {
  const unreachable = useRig(mode, { upstreamAddress: '127.0.0.1:1' })
  const refusing = useRig(mode, { overrides: answersFirst })

  test('passes the response phases like one of the upstream, and keeps its own text', async () => {
    const client = unreachable().send()
    const received = await passAll(await unreachable().processor.call(), mode)
    expect((await client.head).status).toBe(503)
    await client.ended
    expect(client.text).toContain('upstream connect error')
    const response = received.find(message => message.request === 'response_headers')
    expect(response && headerOf(response, ':status')).toBe('503')
    expect(phasesOf(received)).toContain('response_body')
  })

  test('passes them without any request phase when an earlier filter gave it, and names the modes there', async () => {
    const client = refusing().send()
    const received = await passAll(await refusing().processor.call(), mode)
    expect((await client.head).status).toBe(401)
    await client.ended
    const [first] = received
    expect([first?.request, first && headerOf(first, ':status')]).toEqual(['response_headers', '401'])
    expect(first?.protocol_config).not.toBeNull()
    expect(phasesOf(received).some(phase => phase.startsWith('request'))).toBe(false)
  })
})

describe('BUFFERED over the buffer', () => {
  const SMALL_BYTES = 16_384
  const rig = useRig('buffered', {
    overrides: bootstrap => {
      bootstrap.static_resources.listeners[0].per_connection_buffer_limit_bytes = SMALL_BYTES
      clusterOf(bootstrap, 'llm').per_connection_buffer_limit_bytes = SMALL_BYTES
    },
  })

  test('on the request is a 413 of Envoy before we see the body, and passes the response phases', async () => {
    const client = rig().send({ body: 'x'.repeat(300_000) })
    const received = await passAll(await rig().processor.call(), 'buffered')
    expect((await client.head).status).toBe(413)
    await client.ended
    expect(client.text).toContain('request_too_large')
    expect(phasesOf(received)).toEqual(['request_headers', 'response_headers', 'response_body'])
  })

  test('on the response is a 500 of Envoy, in the shape of an API error', async () => {
    rig().upstream.respond({ chunks: ['x'.repeat(300_000)] })
    const client = rig().send({ method: 'GET', path: '/large' })
    const received = await passAll(await rig().processor.call(), 'buffered')
    expect((await client.head).status).toBe(500)
    await client.ended
    expect(client.text).toContain('guardrail_unavailable')
    expect(phasesOf(received)).not.toContain('response_body')
    expect((await accessLog(rig(), '/large')).details).toBe('response_payload_too_large')
  })
})
