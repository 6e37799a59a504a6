import { describe, expect, test } from 'vitest'
import { extProcOf } from '../support/bootstrap.ts'
import { echoRest, untilCounted, useRig } from '../support/envoy-rig.ts'
import {
  body,
  bodyOf,
  headerOf,
  headers,
  immediate,
  phasesOf,
  trailers,
} from '../support/scripted-replies.ts'
import { gate } from '../support/upstream.ts'

describe('mode_override', () => {
  const rig = useRig('streamed')
  test('to BUFFERED in the response headers reply buffers that one response', async () => {
    const rest = gate()
    rig().upstream.respond({ chunks: ['one ', rest, 'two'] })
    const { client, call } = await rig().answering()
    await untilCounted(rig(), 'stream_msgs_received', () =>
      call.send(headers('response', {}, { response_body_mode: 'BUFFERED' })),
    )
    rest.open()
    expect(bodyOf(await call.next('response_body'))).toEqual({ text: 'one two', end: true })
    call.send(body('response', 'three', { set: { 'x-late': '1' } }))
    expect((await client.head).headers['x-late']).toBe('1')
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe('three')

    const next = await rig().halfway()
    next.call.send(body('response'))
    next.rest.open()
    await echoRest(next.call)
    expect(await next.client.ended).toBe('complete')
  })

  test('switches off the body whose mode it leaves out, but no header phase', async () => {
    const client = rig().send({ body: 'unseen' })
    const call = await rig().processor.call()
    await call.next('request_headers')
    call.send(headers('request', {}, { response_body_mode: 'BUFFERED' }))
    rig().upstream.respond({ chunks: ['answer'] })
    await call.next('response_headers')
    call.send(headers('response'))
    expect(bodyOf(await call.next('response_body')).text).toBe('answer')
    call.send(body('response'))
    expect(await client.ended).toBe('complete')
  })
})

describe('mode_override without allow_mode_override', () => {
  const rig = useRig('streamed', {
    overrides: bootstrap => {
      extProcOf(bootstrap).allow_mode_override = false
    },
  })

  test('is ignored without a word: the body comes in chunks, as if nothing had been asked', async () => {
    const rest = gate()
    rig().upstream.respond({ chunks: ['one ', rest, 'two'] })
    const { client, call } = await rig().answering()
    call.send(headers('response', {}, { request_body_mode: 'BUFFERED', response_body_mode: 'BUFFERED' }))
    expect(bodyOf(await call.next('response_body'))).toEqual({ text: 'one ', end: false })
    call.send(body('response'))
    await client.until('one ')
    rest.open()
    expect(bodyOf(await call.next('response_body')).text).toBe('two')
    call.send(body('response'))
    call.end()
    await client.ended
  })
})

describe('send_body_without_waiting_for_header_response', () => {
  const rig = useRig('streamed', {
    overrides: bootstrap => {
      extProcOf(bootstrap).send_body_without_waiting_for_header_response = true
    },
  })

  test('shows STREAMED chunks before the headers are answered, and protocol_config says so', async () => {
    rig().upstream.respond({ chunks: ['one'] })
    const { client, call } = await rig().answering()
    expect(bodyOf(await call.next('response_body')).text).toBe('one')
    call.send(headers('response'), body('response'))
    call.end()
    await client.ended
    expect(call.received[0]?.protocol_config?.send_body_without_waiting_for_header_response).toBe(true)
  })
})

describe('observability_mode', () => {
  const rig = useRig('streamed', {
    overrides: bootstrap => {
      Object.assign(extProcOf(bootstrap), { observability_mode: true, deferred_close_timeout: '0.05s' })
    },
  })

  test('shows what passes, says so in every message, waits for no reply and obeys none', async () => {
    rig().upstream.respond({ chunks: ['answer'] })
    const client = rig().send({ body: 'question' })
    const call = await rig().processor.call()
    await call.next('request_headers')
    call.send(immediate({ status: 403 }), trailers('response'))
    expect((await client.head).status).toBe(200)
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe('answer')
    await call.left
    expect(call.received.every(message => message.observability_mode)).toBe(true)
    expect(call.received.map(message => message.protocol_config)).toEqual(call.received.map(() => null))
    expect(headerOf(call.received[0]!, ':method')).toBe('POST')
  })

  test('shows STREAMED bodies only: a BUFFERED one is left out', async () => {
    rig().upstream.respond({ chunks: ['answer'] })
    const client = rig().send({ body: 'question' })
    const call = await rig().processor.call()
    await client.ended
    await call.left
    expect(new Set(phasesOf(call.received))).toEqual(
      new Set(['request_headers', 'response_headers', 'response_body']),
    )
  })
})
