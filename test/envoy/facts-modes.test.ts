import { describe, expect, test } from 'vitest'
import { type Bootstrap, ENVOY_MODES, extProcOf } from '../support/bootstrap.ts'
import { readBody, startRig, useRig } from '../support/envoy-rig.ts'
import {
  body,
  bodyOf,
  clearedBody,
  headers,
  immediate,
  phasesOf,
  piece,
} from '../support/scripted-replies.ts'
import { gate } from '../support/upstream.ts'

const setMode = (modes: Record<string, string>) => (bootstrap: Bootstrap) => {
  const extProc = extProcOf(bootstrap)
  extProc.processing_mode = { ...Object(extProc.processing_mode), ...modes }
}

describe.each(ENVOY_MODES)('protocol_config in %s', mode => {
  const rig = useRig(mode)
  const expected = {
    'full-duplex': ['FULL_DUPLEX_STREAMED', 'FULL_DUPLEX_STREAMED'],
    streamed: ['BUFFERED', 'STREAMED'],
    buffered: ['BUFFERED', 'BUFFERED'],
  }[mode]

  test('the first message of a call names both body modes, and no later one does', async () => {
    const { client, call } = await rig().opened({ body: 'question' })
    expect(await readBody(call, 'request')).toBe('question')
    call.send(mode === 'full-duplex' ? piece('request', 'question', 'end') : body('request'))
    await call.next('response_headers')
    call.send(headers('response'))
    call.end()
    await client.ended
    const [first, ...later] = call.received.map(message => message.protocol_config)
    expect([first?.request_body_mode, first?.response_body_mode]).toEqual(expected)
    expect(first?.send_body_without_waiting_for_header_response).toBe(false)
    expect(later.length).toBeGreaterThan(1)
    expect(later.every(config => config === null)).toBe(true)
  })
})

describe('BUFFERED', () => {
  const rig = useRig('buffered')

  test('shows a body whole, in one message, and the upstream nothing before its answer', async () => {
    const asked = rig().upstream.requests.length
    const { client, call } = await rig().opened({ sends: 'pieces' })
    client.write('one ')
    client.write('two')
    client.endBody()
    expect(bodyOf(await call.next('request_body'))).toEqual({ text: 'one two', end: true })
    expect(rig().upstream.requests).toHaveLength(asked)
    call.send(immediate({ status: 403 }))
    expect((await client.head).status).toBe(403)
    await client.ended
    expect(rig().upstream.requests).toHaveLength(asked)
  })
})

describe('BUFFERED_PARTIAL', () => {
  const rig = useRig('buffered', {
    overrides: bootstrap => {
      setMode({
        request_body_mode: 'BUFFERED_PARTIAL',
        response_header_mode: 'SKIP',
        response_body_mode: 'NONE',
      })(bootstrap)
      bootstrap.static_resources.listeners[0].per_connection_buffer_limit_bytes = 16_384
    },
  })

  test('shows the start of a body and lets the rest pass unseen', async () => {
    const whole = 'x'.repeat(200_000)
    const asked = rig().upstream.requests.length
    const { client, call } = await rig().opened({ body: whole })
    const seen = bodyOf(await call.next('request_body'))
    call.send(body('request'))
    await client.ended
    expect(seen.text.length).toBeLessThan(whole.length)
    expect((await (await rig().upstream.request(asked)).complete).length).toBe(whole.length)
    expect(phasesOf(call.received)).toEqual(['request_headers', 'request_body'])
    expect(call.received[0]?.protocol_config?.request_body_mode).toBe('BUFFERED_PARTIAL')
  })
})

describe('STREAMED', () => {
  const rig = useRig('streamed')

  test('shows a response chunk by chunk; bytes leave in the place of a chunk: more, fewer or none', async () => {
    const [second, third] = [gate(), gate()]
    rig().upstream.respond({ chunks: ['one', second, 'two', third, 'three'] })
    const { client, call } = await rig().answering()
    call.send(headers('response'))
    expect(bodyOf(await call.next('response_body'))).toEqual({ text: 'one', end: false })
    call.send(body('response', 'more than one '))
    await client.until('more than one ')
    second.open()
    expect(bodyOf(await call.next('response_body')).text).toBe('two')
    call.send(clearedBody('response'))
    third.open()
    expect(bodyOf(await call.next('response_body')).text).toBe('three')
    call.send(body('response'))
    const last = bodyOf(await call.next('response_body'))
    expect(last).toEqual({ text: '', end: true })
    call.send(body('response', '!'))
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe('more than one three!')
  })
})

describe('a STREAMED request body', () => {
  const rig = useRig('streamed', { overrides: setMode({ request_body_mode: 'STREAMED' }) })

  test('lets the upstream see the request before the verdict on it', async () => {
    const asked = rig().upstream.requests.length
    const { client, call } = await rig().opened({ sends: 'pieces' })
    client.write('an attack')
    expect(bodyOf(await call.next('request_body')).text).toBe('an attack')
    const seen = await rig().upstream.request(asked)
    expect(seen.body.length).toBe(0)
    call.send(immediate({ status: 403 }))
    expect((await client.head).status).toBe(403)
    await seen.aborted
  })
})

describe('FULL_DUPLEX_STREAMED', () => {
  const rig = useRig('full-duplex')

  test('takes pieces of any number and size, at any time, in the place of none', async () => {
    const more = gate()
    rig().upstream.respond({ chunks: ['held', more, ' and gone'] })
    const { client, call } = await rig().answering()
    call.send(headers('response'))
    expect(bodyOf(await call.next('response_body'))).toEqual({ text: 'held', end: false })
    call.send(piece('response', ':\n\n'))
    await client.until(':\n\n')
    call.send(piece('response', ':\n\n'), piece('response', 'x'.repeat(1000)))
    await client.until(`:\n\n:\n\n${'x'.repeat(1000)}`)
    more.open()
    expect(await readBody(call, 'response')).toBe(' and gone')
    call.send(piece('response', '.', 'end'))
    expect(await client.ended).toBe('complete')
    expect(client.text).toBe(`:\n\n:\n\n${'x'.repeat(1000)}.`)
  })

  test('ignores a mode_override', async () => {
    const { client, call } = await rig().opened()
    await readBody(call, 'request')
    call.send(piece('request', '{}', 'end'))
    rig().upstream.respond({ chunks: ['one'] })
    await call.next('response_headers')
    call.send(headers('response', {}, { response_body_mode: 'BUFFERED' }))
    expect(bodyOf(await call.next('response_body'))).toEqual({ text: 'one', end: false })
    call.send(piece('response', 'one', 'end'))
    expect(await client.ended).toBe('complete')
  })

  test.each(['request_trailer_mode', 'response_trailer_mode'])(
    'does not load unless %s is SEND',
    async mode => {
      await expect(startRig('full-duplex', { overrides: setMode({ [mode]: 'SKIP' }) })).rejects.toThrow(
        `the ${mode} has to be set to SEND`,
      )
    },
  )
})
