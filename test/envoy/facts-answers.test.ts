import { describe, expect, test } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { accessLog, type EnvoyRig, type RigExchange, readBody, useRig } from '../support/envoy-rig.ts'
import { headers, immediate, phasesOf, piece } from '../support/scripted-replies.ts'
import { type Gate, gate } from '../support/upstream.ts'

const REFUSAL = {
  status: 403,
  body: '{"refused":true}',
  set: { 'content-type': 'application/json' },
  details: 'ours',
}

/** The response headers wait for their reply; `one ` comes behind them, and `two` when `rest` is opened. */
async function inTwo(rig: EnvoyRig): Promise<RigExchange & { rest: Gate }> {
  const rest = gate()
  rig.upstream.respond({ chunks: ['one ', rest, 'two'] })
  return { ...(await rig.answering()), rest }
}

describe('a header reply withheld in full duplex', () => {
  const rig = useRig('full-duplex')

  test('leaves room for a clean answer of ours after the whole request body, and no upstream is asked', async () => {
    const count = rig().upstream.requests.length
    const client = rig().send({ body: 'x'.repeat(300_000), path: '/withheld' })
    const call = await rig().processor.call()
    await call.next('request_headers')
    await readBody(call, 'request')
    call.send(immediate(REFUSAL))
    const { status, headers: got } = await client.head
    expect([status, got['content-type'], got['content-length']]).toEqual([403, 'application/json', '16'])
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe('{"refused":true}')
    expect(await accessLog(rig(), '/withheld')).toMatchObject({ status: 403, details: 'ours' })
    expect(rig().upstream.requests).toHaveLength(count)
  })

  test('leaves room for a clean answer of ours after the whole response body', async () => {
    const { client, call, rest } = await inTwo(rig())
    rest.open()
    expect(await readBody(call, 'response')).toBe('one two')
    call.send(immediate(REFUSAL))
    expect((await client.head).status).toBe(403)
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe('{"refused":true}')
  })

  test('can still follow the whole body, with other bytes and other headers', async () => {
    const { client, call, rest } = await inTwo(rig())
    rest.open()
    await readBody(call, 'response')
    call.send(
      headers('response', { set: { 'x-late': '1', ':status': '201' }, remove: ['content-length'] }),
      piece('response', 'three', 'end'),
    )
    const { status, headers: got } = await client.head
    expect([status, got['x-late']]).toEqual([201, '1'])
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe('three')
  })
})

describe('a piece in full duplex', () => {
  const rig = useRig('full-duplex')

  test('may be far larger than what Envoy sends itself', async () => {
    const { client, call, rest } = await inTwo(rig())
    call.send(headers('response'))
    await call.next('response_body')
    const large = 'x'.repeat(3_000_000)
    call.send(piece('response', large, 'end'))
    expect(await client.ended).toBe('complete')
    expect(client.text === large).toBe(true)
    rest.open()
  })
})

describe('end_of_stream of ours in full duplex', () => {
  const rig = useRig('full-duplex')

  test('before the upstream ended ends the response cleanly, and lets the upstream go', async () => {
    const count = rig().upstream.requests.length
    const { client, call } = await inTwo(rig())
    call.send(headers('response'))
    await call.next('response_body')
    call.send(piece('response', 'refused', 'end'))
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe('refused')
    await (await rig().upstream.request(count)).aborted
    await call.left
  })
})

describe.each(ENVOY_MODES)('an ImmediateResponse in %s', mode => {
  const rig = useRig(mode)

  test('while nothing is owed and the upstream is silent answers the client and lets the upstream go', async () => {
    const count = rig().upstream.requests.length
    const silent = gate()
    rig().upstream.respond(async request => {
      silent.open()
      await request.aborted
    })
    const { client, call } = await rig().asked()
    await silent.opened
    call.send(immediate(REFUSAL))
    expect((await client.head).status).toBe(403)
    expect(await client.ended).toBe('complete')
    await (await rig().upstream.request(count)).aborted
    expect(phasesOf(call.received).filter(phase => phase.startsWith('response'))).toEqual([])
  })

  test('is text/plain and says nothing in the access log unless it sets content-type and details', async () => {
    const client = rig().send({ path: '/plain' })
    const call = await rig().processor.call()
    await call.next('request_headers')
    call.send(immediate({ status: 500, body: 'plain' }))
    expect((await client.head).headers['content-type']).toBe('text/plain')
    expect(await client.ended).toBe('complete')
    expect((await accessLog(rig(), '/plain')).details).toBe('')
  })

  test('keeps its body whatever its status: local_reply_config takes only what Envoy says itself', async () => {
    const client = rig().send()
    const call = await rig().processor.call()
    await call.next('request_headers')
    call.send(immediate({ ...REFUSAL, status: 503, details: 'weir_request_denied' }))
    expect((await client.head).status).toBe(503)
    await client.ended
    expect(client.text).toBe('{"refused":true}')
  })

  if (mode === 'buffered') {
    test('to the response body is a clean answer, although the header reply was sent', async () => {
      const { client, call, rest } = await inTwo(rig())
      call.send(headers('response'))
      rest.open()
      await call.next('response_body')
      call.send(immediate(REFUSAL))
      expect((await client.head).status).toBe(403)
      expect([await client.ended, client.text]).toEqual(['complete', '{"refused":true}'])
    })
  } else {
    test('after the response headers left cuts the client', async () => {
      const { client, call, rest } = await inTwo(rig())
      call.send(headers('response'))
      await call.next('response_body')
      expect((await client.head).status).toBe(200)
      call.send(immediate(REFUSAL))
      expect([await client.ended, client.text]).toEqual(['cut', ''])
      rest.open()
    })
  }
})

describe('an answer of ours while the client still sends', () => {
  const rig = useRig('full-duplex')

  test('is whole, and the rest of the request is not waited for', async () => {
    const client = rig().send({ sends: 'pieces' })
    const call = await rig().processor.call()
    await call.next('request_headers')
    client.write('the first of many')
    await call.next('request_body')
    call.send(immediate(REFUSAL))
    expect((await client.head).status).toBe(403)
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe('{"refused":true}')
  })
})
