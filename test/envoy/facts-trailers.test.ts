import { describe, expect, test } from 'vitest'
import { type Bootstrap, connectionManagerOf, extProcOf } from '../support/bootstrap.ts'
import { type EnvoyRig, type RigExchange, upstreamIsDone, useRig } from '../support/envoy-rig.ts'
import {
  body,
  bodyOf,
  clearedBody,
  headers,
  immediate,
  phasesOf,
  piece,
  trailers,
} from '../support/scripted-replies.ts'
import { type Gate, gate } from '../support/upstream.ts'

const setMode = (modes: Record<string, string>) => (bootstrap: Bootstrap) => {
  Object.assign(Object(extProcOf(bootstrap).processing_mode), modes)
}

/** Envoy drops the trailers of HTTP/1.1 requests by default. */
const takeRequestTrailers = (bootstrap: Bootstrap): void => {
  Object.assign(connectionManagerOf(bootstrap), { http_protocol_options: { enable_trailers: true } })
}

/** An HTTP/2 upstream answers `held`, then trailers; the response headers wait for their reply. */
async function answering(rig: EnvoyRig): Promise<RigExchange> {
  rig.upstream.respond({ chunks: ['held'], trailers: { 'x-end': '1' } })
  return rig.answering()
}

const responsePhases = (call: { received: Parameters<typeof phasesOf>[0] }): string[] =>
  phasesOf(call.received).filter(phase => phase.startsWith('response'))

/** STREAMED: `held` has come and waits for its answer; the trailers follow when `rest` is opened. */
async function streaming(rig: EnvoyRig): Promise<RigExchange & { rest: Gate }> {
  const rest = gate()
  rig.upstream.respond({ chunks: ['held', rest], trailers: { 'x-end': '1' } })
  const { client, call } = await rig.answering()
  call.send(headers('response'))
  expect(bodyOf(await call.next('response_body'))).toEqual({ text: 'held', end: false })
  return { client, call, rest }
}

describe('trailers after a STREAMED response', () => {
  const rig = useRig('streamed', { upstreamProtocol: 'http2' })

  test('with response_trailer_mode SEND are the end: no chunk says that it is the last', async () => {
    const { client, call, rest } = await streaming(rig())
    call.send(body('response'))
    rest.open()
    await call.next('response_trailers')
    call.send(trailers('response'))
    expect([await client.ended, client.text]).toEqual(['complete', 'held'])
    expect(responsePhases(call)).toEqual(['response_headers', 'response_body', 'response_trailers'])
  })

  test('leave no place for the bytes of an emptied chunk: a body reply to them is spurious', async () => {
    const { client, call, rest } = await streaming(rig())
    call.send(clearedBody('response'))
    await client.head
    rest.open()
    await call.next('response_trailers')
    call.send(body('response', 'held'))
    expect([await client.ended, client.text]).toEqual(['cut', ''])
    expect(await rig().envoy.stats('http.llm.ext_proc.spurious_msgs_received')).toBe(1)
  })

  test('wait until the chunks before them are answered, so that the last place can be kept', async () => {
    const { client, call, rest } = await streaming(rig())
    const sent = () => rig().envoy.stats('http.llm.ext_proc.stream_msgs_sent')
    const before = await sent()
    rest.open()
    await upstreamIsDone(rig())
    expect(await sent()).toBe(before)
    call.send(body('response', 'released'))
    await call.next('response_trailers')
    call.send(trailers('response'))
    expect([await client.ended, client.text]).toEqual(['complete', 'released'])
  })

  test('come after the whole body where an override asked for BUFFERED', async () => {
    const { client, call } = await answering(rig())
    const override = {
      request_body_mode: 'BUFFERED',
      response_body_mode: 'BUFFERED',
      response_trailer_mode: 'SEND',
    }
    call.send(headers('response', {}, override))
    expect(bodyOf(await call.next('response_body'))).toEqual({ text: 'held', end: false })
    call.send(body('response', 'other', { set: { ':status': '403' } }))
    await call.next('response_trailers')
    call.send(trailers('response'))
    expect((await client.head).status).toBe(403)
    expect([await client.ended, client.text]).toEqual(['complete', 'other'])
  })
})

describe('trailers after a STREAMED response with response_trailer_mode SKIP', () => {
  const rig = useRig('streamed', {
    upstreamProtocol: 'http2',
    overrides: setMode({ response_trailer_mode: 'SKIP' }),
  })

  test('end it unseen: no message says so, and the bytes of an emptied chunk are lost to the client', async () => {
    const { client, call, rest } = await streaming(rig())
    call.send(clearedBody('response'))
    rest.open()
    expect([await client.ended, client.text]).toEqual(['complete', ''])
    await call.left
    expect(responsePhases(call)).toEqual(['response_headers', 'response_body'])
  })
})

describe('trailers in BUFFERED', () => {
  const rig = useRig('buffered', { upstreamProtocol: 'http2', overrides: takeRequestTrailers })

  test('of a request keep its one body message from saying that it is the last, although it is whole', async () => {
    const count = rig().upstream.requests.length
    const { client, call } = await rig().opened({ sends: 'pieces', headers: { trailer: 'x-end' } })
    client.write('question')
    client.endBody({ 'x-end': '1' })
    expect(bodyOf(await call.next('request_body'))).toEqual({ text: 'question', end: false })
    call.send(body('request', 'another question'))
    const seen = await rig().upstream.request(count)
    expect((await seen.complete).toString()).toBe('another question')
    call.end()
    await client.ended
  })

  test('of a response keep its one body message from saying that it is the last, although it is whole', async () => {
    const { client, call } = await answering(rig())
    call.send(headers('response'))
    expect(bodyOf(await call.next('response_body'))).toEqual({ text: 'held', end: false })
    call.send(body('response', 'other', { set: { ':status': '403' } }))
    expect((await client.head).status).toBe(403)
    expect([await client.ended, client.text]).toEqual(['complete', 'other'])
    expect(responsePhases(call)).toEqual(['response_headers', 'response_body'])
  })
})

describe('trailers in full duplex', () => {
  const rig = useRig('full-duplex', {
    upstreamProtocol: 'http2',
    overrides: takeRequestTrailers,
  })

  test('of a response are the end of its body, which never says so itself', async () => {
    const { client, call } = await answering(rig())
    call.send(headers('response'))
    expect(bodyOf(await call.next('response_body'))).toEqual({ text: 'held', end: false })
    await call.next('response_trailers')
    call.send(piece('response', 'held'), trailers('response'))
    expect([await client.ended, client.text]).toEqual(['complete', 'held'])
    expect(responsePhases(call)).toEqual(['response_headers', 'response_body', 'response_trailers'])
  })

  test('do not wait for any reply, so that an answer of ours can still replace all of it', async () => {
    const { client, call } = await answering(rig())
    await call.next('response_body')
    await call.next('response_trailers')
    call.send(immediate({ status: 403, body: 'refused' }))
    expect((await client.head).status).toBe(403)
    expect([await client.ended, client.text]).toEqual(['complete', 'refused'])
  })

  test('of a request are the end of its body', async () => {
    const count = rig().upstream.requests.length
    const { client, call } = await rig().opened({ sends: 'pieces', headers: { trailer: 'x-end' } })
    client.write('question')
    client.endBody({ 'x-end': '1' })
    expect(bodyOf(await call.next('request_body'))).toEqual({ text: 'question', end: false })
    await call.next('request_trailers')
    call.send(piece('request', 'question'), trailers('request'))
    const seen = await rig().upstream.request(count)
    expect((await seen.complete).toString()).toBe('question')
    call.end()
    await client.ended
  })
})
