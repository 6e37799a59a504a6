import { describe, expect, test } from 'vitest'
import { connectionManagerOf, ENVOY_MODES, extProcOf } from '../support/bootstrap.ts'
import { accessLog, upstreamIsDone, useRig } from '../support/envoy-rig.ts'
import {
  body,
  bodyOf,
  clearedBody,
  headerOf,
  headers,
  immediate,
  piece,
} from '../support/scripted-replies.ts'
import { type Gate, gate } from '../support/upstream.ts'

describe.each(ENVOY_MODES)('headers in %s', mode => {
  const rig = useRig(mode)

  test('come and go as raw_value; a header set by value arrives empty', async () => {
    const client = rig().send({ headers: { 'x-given': 'given' } })
    const call = await rig().processor.call()
    const message = await call.next('request_headers')
    const given = message.request_headers?.headers.headers.find(header => header.key === 'x-given')
    expect([given?.value, given?.raw_value.toString()]).toEqual(['', 'given'])
    const count = rig().upstream.requests.length
    const option = {
      header: { key: 'x-by-value', value: 'lost' },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    }
    call.send({ request_headers: { response: { header_mutation: { set_headers: [option] } } } })
    call.end()
    const seen = await rig().upstream.request(count)
    expect(seen.headers['x-by-value']).toBe('')
    await client.ended
  })

  test('removed in the header reply are gone: accept-encoding, for one', async () => {
    const count = rig().upstream.requests.length
    const client = rig().send({ method: 'GET', headers: { 'accept-encoding': 'gzip', 'x-kept': '1' } })
    const call = await rig().processor.call()
    await call.next('request_headers')
    call.send(headers('request', { remove: ['accept-encoding'] }))
    const seen = await rig().upstream.request(count)
    expect([seen.headers['accept-encoding'], seen.headers['x-kept']]).toEqual([undefined, '1'])
    call.end()
    await client.ended
  })

  test('that route are not ours to set: host, method, scheme and x-envoy; the path is', async () => {
    const count = rig().upstream.requests.length
    const client = rig().send({ method: 'GET', path: '/asked', headers: { host: 'asked.example' } })
    const call = await rig().processor.call()
    await call.next('request_headers')
    const set = {
      host: 'ours.example',
      ':authority': 'ours.example',
      ':method': 'DELETE',
      ':scheme': 'https',
      'x-envoy-upstream-rq-timeout-ms': '1',
      ':path': '/ours',
    }
    call.send(headers('request', { set }))
    const seen = await rig().upstream.request(count)
    expect([seen.headers.host, seen.method, seen.path]).toEqual(['asked.example', 'GET', '/ours'])
    expect(seen.headers).not.toHaveProperty('x-envoy-upstream-rq-timeout-ms')
    call.end()
    await client.ended
  })

  const late =
    mode === 'buffered' ? 'set in a body reply count, the status too' : 'set in a body reply are dropped'
  test(late, async () => {
    const rest: Gate = gate()
    rig().upstream.respond({ chunks: ['one ', rest, 'two'] })
    const { client, call } = await rig().answering()
    call.send(headers('response'))
    if (mode === 'buffered') rest.open()
    await call.next('response_body')
    const mutation = { set: { 'x-late': '1', ':status': '403' } }
    call.send(
      mode === 'full-duplex' ? piece('response', 'x', 'end', mutation) : body('response', 'x', mutation),
    )
    const { status, headers: got } = await client.head
    expect([status, got['x-late']]).toEqual(mode === 'buffered' ? [403, '1'] : [200, undefined])
    if (mode === 'streamed') call.end()
    rest.open()
    expect(await client.ended).toBe('complete')
  })

  test('of the upstream that are no credentials are all shown; the answer to them may change the status', async () => {
    rig().upstream.respond({ status: 200, headers: { 'x-model': 'm', 'set-cookie': 'a=1' } })
    const { client, call } = await rig().asked()
    const message = await call.next('response_headers')
    expect([headerOf(message, ':status'), headerOf(message, 'x-model')]).toEqual(['200', 'm'])
    expect(headerOf(message, 'set-cookie')).toBeUndefined()
    call.send(headers('response', { set: { ':status': '418' } }))
    call.end()
    expect((await client.head).status).toBe(418)
    await client.ended
  })
})

describe('content-length', () => {
  const buffered = useRig('buffered')
  const streamed = useRig('streamed')
  const duplex = useRig('full-duplex')
  const answer = { headers: { 'content-length': '6' }, chunks: ['answer'] }

  test('in BUFFERED must leave with a change of the length: else the answer becomes a 503', async () => {
    buffered().upstream.respond(answer)
    const { client, call } = await buffered().answering({ path: '/mismatch' })
    call.send(headers('response'))
    await call.next('response_body')
    call.send(body('response', 'longer than that'))
    expect((await client.head).status).toBe(503)
    await client.ended
    expect(client.text).toContain('guardrail_unavailable')
    expect((await accessLog(buffered(), '/mismatch')).details).toBe(
      'mismatch_between_content_length_and_the_length_of_the_mutated_body',
    )
  })

  test('in BUFFERED may leave in the body reply itself, and Envoy frames the new body', async () => {
    buffered().upstream.respond(answer)
    const { client, call } = await buffered().answering()
    call.send(headers('response'))
    await call.next('response_body')
    call.send(body('response', 'longer than that', { remove: ['content-length'] }))
    expect([await client.ended, client.text]).toEqual(['complete', 'longer than that'])
  })

  test('in BUFFERED stays right when the body goes as it came', async () => {
    buffered().upstream.respond(answer)
    const { client, call } = await buffered().answering()
    call.send(headers('response'))
    await call.next('response_body')
    call.send(body('response'))
    expect((await client.head).headers['content-length']).toBe('6')
    expect([await client.ended, client.text]).toEqual(['complete', 'answer'])
  })

  test('in STREAMED and full duplex is taken away by Envoy', async () => {
    for (const [rig, mode] of [
      [streamed(), 'streamed'],
      [duplex(), 'full-duplex'],
    ] as const) {
      const rest = gate()
      rig.upstream.respond({ headers: { 'content-length': '6' }, chunks: ['ans', rest, 'wer'] })
      const { client, call } = await rig.answering()
      call.send(headers('response'))
      await call.next('response_body')
      call.send(
        mode === 'streamed'
          ? body('response', 'longer than that')
          : piece('response', 'longer than that', 'end'),
      )
      expect((await client.head).headers['content-length']).toBeUndefined()
      await client.until('longer than that')
      if (mode === 'streamed') call.end()
      rest.open()
      expect(await client.ended).toBe('complete')
    }
  })
})

describe('a chunk in STREAMED', () => {
  const rig = useRig('streamed')
  const chunk = async () => {
    const rest = gate()
    rig().upstream.respond({ chunks: ['secret', rest, '.'] })
    const { client, call } = await rig().answering()
    call.send(headers('response'))
    expect(bodyOf(await call.next('response_body')).text).toBe('secret')
    const finish = async () => {
      rest.open()
      while (!bodyOf(await call.next('response_body')).end) call.send(body('response'))
      call.send(body('response'))
      return [await client.ended, client.text]
    }
    return { call, finish }
  }

  test('is emptied by clear_body', async () => {
    const { call, finish } = await chunk()
    call.send(clearedBody('response'))
    expect(await finish()).toEqual(['complete', '.'])
  })

  test('is emptied by an empty body as well, when the field is really on the wire', async () => {
    const { call, finish } = await chunk()
    call.send(body('response', ''))
    expect(await finish()).toEqual(['complete', '.'])
  })

  test('goes as it came when the mutation says nothing', async () => {
    const { call, finish } = await chunk()
    call.send({ response_body: { response: { body_mutation: {} } } })
    expect(await finish()).toEqual(['complete', 'secret.'])
  })
})

describe('a STREAMED response that ended before its headers were answered', () => {
  const rig = useRig('streamed')
  const whole = async (path: string) => {
    rig().upstream.respond({ headers: { 'content-length': '6' }, chunks: ['answer'] })
    const { client, call } = await rig().answering({ path })
    await upstreamIsDone(rig())
    call.send(headers('response'))
    expect(bodyOf(await call.next('response_body'))).toEqual({ text: 'answer', end: true })
    return { client, call }
  }

  test('is held as in BUFFERED: headers set in the body reply count', async () => {
    const { client, call } = await whole('/held-mutation')
    call.send(body('response', 'x', { set: { ':status': '403' } }))
    expect((await client.head).status).toBe(403)
    expect([await client.ended, client.text]).toEqual(['complete', 'x'])
  })

  test('is held as in BUFFERED: an ImmediateResponse is a clean answer', async () => {
    const { client, call } = await whole('/held-immediate')
    call.send(immediate({ status: 403, body: 'refused' }))
    expect((await client.head).status).toBe(403)
    expect([await client.ended, client.text]).toEqual(['complete', 'refused'])
  })
})

describe('what Envoy knows beside the headers', () => {
  const rig = useRig('full-duplex', {
    overrides: bootstrap => {
      extProcOf(bootstrap).metadata_options = { receiving_namespaces: { untyped: [] } }
      const [route] = connectionManagerOf(bootstrap).route_config.virtual_hosts[0].routes
      route!.typed_per_filter_config = {
        'envoy.filters.http.ext_proc': {
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute',
          overrides: { grpc_initial_metadata: [{ key: 'x-weir-policy', value: 'of-the-route' }] },
        },
      }
    },
  })

  test('a route sets gRPC initial metadata, and a header of the client does not', async () => {
    const client = rig().send({
      method: 'GET',
      headers: { 'x-weir-policy': 'of-the-client', 'x-other': '1' },
    })
    const call = await rig().processor.call()
    expect(call.metadata.get('x-weir-policy')).toEqual(['of-the-route'])
    expect(call.metadata.get('x-other')).toEqual([])
    call.end()
    await client.ended
  })

  test('request_attributes come with the first message, under the name of the filter', async () => {
    const client = rig().send({ method: 'GET' })
    const call = await rig().processor.call()
    const { attributes } = await call.next('request_headers')
    expect(attributes['envoy.filters.http.ext_proc']?.fields['xds.route_name']?.stringValue).toBe('llm')
    call.end()
    await client.ended
  })

  test('dynamic metadata of ours is dropped unless its namespace is listed', async () => {
    const client = rig().send({ method: 'GET', path: '/metadata' })
    const call = await rig().processor.call()
    await call.next('request_headers')
    const note = { fields: { weir: { structValue: { fields: { note: { stringValue: 'lost' } } } } } }
    call.send({ ...headers('request'), dynamic_metadata: note })
    call.end()
    await client.ended
    expect((await accessLog(rig(), '/metadata')).weir).toBeNull()
  })
})
