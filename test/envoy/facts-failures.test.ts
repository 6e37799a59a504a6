import { status } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import { ENVOY_MODES, extProcOf } from '../support/bootstrap.ts'
import { accessLog, readBody, useRig } from '../support/envoy-rig.ts'
import type { ScriptedCall } from '../support/scripted-processor.ts'
import { body, headers, piece } from '../support/scripted-replies.ts'
import { gate } from '../support/upstream.ts'

/** What ext_proc says when it fails, and how we made it. Each starts with the request headers in our hands. */
interface Failure {
  readonly what: string
  readonly details: string
  provoke(call: ScriptedCall): void
}

const SPURIOUS: readonly Failure[] = [
  {
    what: 'a reply of the wrong kind',
    details: 'spurious_message',
    provoke: call => call.send(headers('response')),
  },
  {
    what: 'a second header reply',
    details: 'spurious_message',
    provoke: call => call.send(headers('request'), headers('request')),
  },
  { what: 'a reply without a phase', details: 'unhandled_message', provoke: call => call.send({}) },
]

const BROKEN: readonly Failure[] = [
  {
    what: 'a header with a line end in it',
    details: 'header_mutation_set_contains_invalid_character',
    provoke: call => call.send(headers('request', { set: { 'x-a': 'b\r\nc' } })),
  },
  {
    what: 'the removal of something that is no header name',
    details: 'header_mutation_remove_contains_invalid_character',
    provoke: call => call.send(headers('request', { remove: ['no name'] })),
  },
  {
    what: 'more removals than Envoy takes',
    details: 'header_mutation_operation_count_exceeds_limit',
    provoke: call =>
      call.send(headers('request', { remove: Array.from({ length: 500 }, (_, i) => `x-${i}`) })),
  },
  {
    what: 'more headers than Envoy takes',
    details: 'header_mutation_result_exceeds_limit',
    provoke: call => call.send(headers('request', { set: { 'x-large': 'x'.repeat(100_000) } })),
  },
]

const CALL_ENDS: readonly Failure[] = [
  {
    what: 'an error status',
    details: 'ext_proc_error_gRPC_error_13{scripted{via_upstream}}',
    provoke: call => call.fail(),
  },
  {
    what: 'RESOURCE_EXHAUSTED, as for a message over the gRPC limit',
    details: 'ext_proc_error_gRPC_error_8{scripted{via_upstream}}',
    provoke: call => call.fail(status.RESOURCE_EXHAUSTED),
  },
]

describe.each(ENVOY_MODES)('a failure in %s is a 503 in the shape of an API error', mode => {
  const rig = useRig(mode)

  test.each([...SPURIOUS, ...BROKEN, ...CALL_ENDS])('after $what', async ({ what, details, provoke }) => {
    const path = `/${what.replaceAll(/\W+/g, '-')}`
    const count = rig().upstream.requests.length
    const client = rig().send({ path, body: 'attack' })
    const call = await rig().processor.call()
    await call.next('request_headers')
    provoke(call)
    const { status: got, headers: sent } = await client.head
    expect(await client.ended).toBe('complete')
    expect((await accessLog(rig(), path)).details).toBe(details)
    expect([got, sent['content-type'], sent['x-should-retry']]).toEqual([503, 'application/json', 'false'])
    expect(JSON.parse(client.text)).toMatchObject({ type: 'error', error: { code: 'guardrail_unavailable' } })
    // A first header reply that was right may have let the headers go on, but never the body.
    for (const reached of rig().upstream.requests.slice(count)) {
      await expect(reached.complete).rejects.toThrow()
    }
  })
})

describe('a body reply in full duplex', () => {
  const rig = useRig('full-duplex')

  test('before the first chunk of the upstream is spurious, and cuts the client that has its headers', async () => {
    const first = gate()
    rig().upstream.respond({ chunks: [first, 'late'] })
    const { client, call } = await rig().opened({ path: '/too-early' })
    await readBody(call, 'request')
    call.send(piece('request', '{}', 'end'))
    await call.next('response_headers')
    call.send(headers('response'))
    expect((await client.head).status).toBe(200)
    call.send(piece('response', ':\n\n'))
    expect([await client.ended, client.text]).toEqual(['cut', ''])
    expect((await accessLog(rig(), '/too-early')).details).toBe('spurious_message')
    first.open()
  })

  test('to a request without a body is spurious', async () => {
    const client = rig().send({ method: 'GET', path: '/bodiless' })
    const call = await rig().processor.call()
    expect((await call.next('request_headers')).request_headers?.end_of_stream).toBe(true)
    call.send(headers('request'), piece('request', '', 'end'))
    expect((await client.head).status).toBe(503)
    await client.ended
    expect((await accessLog(rig(), '/bodiless')).details).toBe('spurious_message')
  })

  test('to a response without a body comes too late to do harm: its header reply ended the call', async () => {
    rig().upstream.respond({ status: 204 })
    const { client, call } = await rig().opened({ method: 'GET' })
    expect((await call.next('response_headers')).response_headers?.end_of_stream).toBe(true)
    call.send(headers('response'), piece('response', '', 'end'))
    expect((await client.head).status).toBe(204)
    expect(await client.ended).toBe('complete')
  })

  test('in the words of the other modes is spurious', async () => {
    const { client, call } = await rig().opened({ path: '/wrong-words' })
    await readBody(call, 'request')
    call.send(body('request'))
    expect((await client.head).status).toBe(503)
    await client.ended
    expect((await accessLog(rig(), '/wrong-words')).details).toMatch(
      /^spurious_message:_Normal_body_mutation/,
    )
    expect(client.text).toContain('guardrail_unavailable')
  })

  test('after the end of ours is ignored', async () => {
    rig().upstream.respond({ chunks: ['answer'] })
    const { client, call } = await rig().opened()
    await readBody(call, 'request')
    call.send(piece('request', '{}', 'end'))
    await call.next('response_headers')
    call.send(headers('response'))
    await readBody(call, 'response')
    call.send(piece('response', 'answer', 'end'), piece('response', 'more', 'end'), headers('response'))
    expect([await client.ended, client.text]).toEqual(['complete', 'answer'])
  })
})

describe('a body reply in the words of full duplex', () => {
  const buffered = useRig('buffered')
  const streamed = useRig('streamed')

  test('is an error in STREAMED', async () => {
    const rest = gate()
    streamed().upstream.respond({ chunks: ['one ', rest, 'two'] })
    const { client, call } = await streamed().opened({ path: '/wrong-words' })
    await call.next('request_body')
    call.send(body('request'))
    await call.next('response_headers')
    call.send(headers('response'))
    await call.next('response_body')
    call.send(piece('response', 'other'))
    expect([await client.ended, client.text]).toEqual(['cut', ''])
    expect((await accessLog(streamed(), '/wrong-words')).details).toMatch(
      /^spurious_message:_streamed_response/,
    )
    rest.open()
  })

  test('is taken for no change in BUFFERED', async () => {
    const count = buffered().upstream.requests.length
    const { client, call } = await buffered().opened({ sends: 'pieces' })
    client.write('question')
    client.endBody()
    await call.next('request_body')
    call.send(piece('request', 'other', 'end'))
    await call.next('response_headers')
    expect((await (await buffered().upstream.request(count)).complete).toString()).toBe('question')
    call.end()
    await client.ended
  })
})

describe('a client that has nothing yet', () => {
  const rig = useRig('buffered')

  test('gets the 503 even when the answer breaks at its body', async () => {
    rig().upstream.respond({ chunks: ['answer'] })
    const { client, call } = await rig().opened({ path: '/breaks-late' })
    await call.next('request_body')
    call.send(body('request'))
    await call.next('response_headers')
    call.send(headers('response'))
    await call.next('response_body')
    call.send(headers('response'))
    expect((await client.head).status).toBe(503)
    await client.ended
    expect(client.text).toContain('guardrail_unavailable')
  })
})

describe('failure_mode_allow: true', () => {
  const rig = useRig('buffered', {
    overrides: bootstrap => {
      extProcOf(bootstrap).failure_mode_allow = true
    },
  })

  test('lets a request pass unseen after a reply that was not owed', async () => {
    rig().upstream.respond({ chunks: ['unseen'] })
    const client = rig().send({ body: 'attack' })
    const call = await rig().processor.call()
    await call.next('request_headers')
    call.send(headers('response'))
    expect((await client.head).status).toBe(200)
    expect([await client.ended, client.text]).toEqual(['complete', 'unseen'])
  })
})
