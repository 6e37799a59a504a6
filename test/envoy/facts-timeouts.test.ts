import { describe, expect, test } from 'vitest'
import { type Bootstrap, connectionManagerOf, extProcOf, type Route } from '../support/bootstrap.ts'
import { accessLog, readBody, useRig } from '../support/envoy-rig.ts'
import { headers, phasesOf, piece } from '../support/scripted-replies.ts'
import { gate } from '../support/upstream.ts'

const impatient = (bootstrap: Bootstrap): void => {
  extProcOf(bootstrap).message_timeout = '0.3s'
}

const TIMED_OUT = 'ext_proc_error_per-message_timeout_exceeded'

describe('message_timeout in STREAMED', () => {
  const rig = useRig('streamed', { overrides: impatient })

  test('makes a withheld header reply a 504: no chunk comes before it', async () => {
    const rest = gate()
    rig().upstream.respond({ chunks: ['one ', rest] })
    const { client, call } = await rig().answering({ path: '/withheld' })
    const { status, headers: got } = await client.head
    expect([status, got['content-type']]).toEqual([504, 'application/json'])
    await client.ended
    expect(client.text).toContain('guardrail_unavailable')
    expect(phasesOf(call.received).at(-1)).toBe('response_headers')
    expect((await accessLog(rig(), '/withheld')).details).toBe(TIMED_OUT)
    rest.open()
  })

  test('cuts a client that has its headers, when the reply to a chunk is late', async () => {
    const rest = gate()
    rig().upstream.respond({ chunks: ['one ', rest] })
    const { client, call } = await rig().answering({ path: '/late-chunk' })
    call.send(headers('response'))
    await call.next('response_body')
    expect((await client.head).status).toBe(200)
    expect([await client.ended, client.text]).toEqual(['cut', ''])
    expect((await accessLog(rig(), '/late-chunk')).details).toBe(TIMED_OUT)
    rest.open()
  })
})

describe('message_timeout in BUFFERED', () => {
  const rig = useRig('buffered', { overrides: impatient })

  test('makes a late verdict a 504 in the shape of an API error, on either side', async () => {
    const request = await rig().opened()
    await request.call.next('request_body')
    const response = await rig().answering()
    response.call.send(headers('response'))
    await response.call.next('response_body')
    for (const { client } of [request, response]) {
      expect((await client.head).status).toBe(504)
      await client.ended
      expect(JSON.parse(client.text)).toMatchObject({
        type: 'error',
        error: { code: 'guardrail_unavailable' },
      })
    }
  })
})

describe('message_timeout with failure_mode_allow: true', () => {
  const rig = useRig('streamed', {
    overrides: bootstrap => {
      impatient(bootstrap)
      extProcOf(bootstrap).failure_mode_allow = true
    },
  })

  test('lets pass unseen what was not answered in time', async () => {
    rig().upstream.respond({ chunks: ['secret'] })
    const { client, call } = await rig().answering()
    call.send(headers('response'))
    await call.next('response_body')
    expect([await client.ended, client.text]).toEqual(['complete', 'secret'])
  })
})

describe('message_timeout in full duplex', () => {
  const route = (name: string, prefix: string, modes?: Record<string, string>): Route => ({
    name,
    match: { prefix },
    route: { cluster: 'llm', timeout: '0s' },
    ...(modes && {
      typed_per_filter_config: {
        'envoy.filters.http.ext_proc': {
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute',
          overrides: { processing_mode: modes },
        },
      },
    }),
  })
  const rig = useRig('full-duplex', {
    overrides: bootstrap => {
      impatient(bootstrap)
      connectionManagerOf(bootstrap).route_config.virtual_hosts[0].routes = [
        route('clock', '/clock', { request_header_mode: 'SEND', response_header_mode: 'SKIP' }),
        route('llm', '/'),
      ]
    },
  })

  /** Another exchange of the same Envoy that waits as long, and does time out. */
  const timeoutPasses = async (): Promise<void> => {
    const client = rig().send({ method: 'GET', path: '/clock' })
    await rig().processor.call()
    expect((await client.head).status).toBe(504)
    await client.ended
  }

  test('does not exist: neither a header reply nor a body is ever late', async () => {
    rig().upstream.respond({ chunks: ['answer'] })
    const client = rig().send({ body: 'question' })
    const call = await rig().processor.call()
    await call.next('request_headers')
    await readBody(call, 'request')
    await timeoutPasses()
    call.send(headers('request'))
    await timeoutPasses()
    call.send(piece('request', 'question', 'end'))
    await call.next('response_headers')
    await readBody(call, 'response')
    await timeoutPasses()
    call.send(headers('response'))
    await timeoutPasses()
    call.send(piece('response', 'answer', 'end'))
    expect([await client.ended, client.text]).toEqual(['complete', 'answer'])
  })
})
