import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/exchange/events.ts'
import { decodeProcessingRequest } from '../../src/extproc/decode.ts'
import { encodeReply } from '../../src/extproc/encode.ts'
import { loadProtos } from '../support/wire.ts'

const root = loadProtos()
const Request = root.lookupType('envoy.service.ext_proc.v3.ProcessingRequest')
const Response = root.lookupType('envoy.service.ext_proc.v3.ProcessingResponse')

const decode = (message: Record<string, unknown>): ReturnType<typeof decodeProcessingRequest> =>
  decodeProcessingRequest(Buffer.from(Request.encode(Request.fromObject(message)).finish()))
const encode = (reply: Reply): Record<string, unknown> =>
  Response.toObject(Response.decode(encodeReply(reply)), { enums: String, bytes: String })
const base64 = (text: string): string => Buffer.from(text).toString('base64')

describe('a ProcessingRequest', () => {
  test('gives headers by raw_value, by value, and joined when they repeat', () => {
    const { event } = decode({
      request_headers: {
        headers: {
          headers: [
            { key: ':path', raw_value: base64('/v1/ü') },
            { key: 'accept', raw_value: base64('a') },
            { key: 'accept', raw_value: base64('b') },
            { key: 'old', value: 'style' },
            { key: 'empty' },
          ],
        },
        end_of_stream: true,
      },
    })
    if (event?.kind !== 'headers') throw new Error('not headers')
    expect([event.side, event.endOfStream]).toEqual(['request', true])
    expect([':path', 'accept', 'old', 'empty', 'absent'].map(name => event.headers.get(name))).toEqual([
      '/v1/ü',
      'a,b',
      'style',
      '',
      undefined,
    ])
  })

  test('gives attributes out of their Struct', () => {
    const { event } = decode({
      response_headers: {},
      attributes: {
        'envoy.filters.http.ext_proc': {
          fields: { 'xds.route_name': { stringValue: 'llm' }, other: { numberValue: 1 } },
        },
      },
    })
    if (event?.kind !== 'headers') throw new Error('not headers')
    expect(event.side).toBe('response')
    expect(event.attributes.get('xds.route_name')).toBe('llm')
    expect(event.attributes.get('other')).toBeUndefined()
    expect(event.attributes.get('absent')).toBeUndefined()
  })

  test.each(['request', 'response'] as const)('gives a %s body with its end', side => {
    const full = decode({ [`${side}_body`]: { body: base64('abc'), end_of_stream: true } }).event
    expect(full).toEqual({ kind: 'body', side, body: Buffer.from('abc'), endOfStream: true })
    const empty = decode({ [`${side}_body`]: {} }).event
    expect(empty).toMatchObject({ kind: 'body', side, endOfStream: false })
    expect(decode({ [`${side}_trailers`]: {} }).event).toEqual({ kind: 'trailers', side })
  })

  test('gives the body modes of the first message', () => {
    const { protocol, observabilityMode } = decode({
      request_headers: {},
      observability_mode: true,
      protocol_config: {
        request_body_mode: 'BUFFERED_PARTIAL',
        response_body_mode: 'FULL_DUPLEX_STREAMED',
        send_body_without_waiting_for_header_response: true,
      },
    })
    expect(observabilityMode).toBe(true)
    expect(protocol).toEqual({
      requestBodyMode: 'buffered-partial',
      responseBodyMode: 'full-duplex',
      sendsBodyBeforeHeaderReply: true,
    })
  })

  test('without a phase, or with fields from the future, is no event and no error', () => {
    const unknown = Buffer.from([0xfa, 0x7f, 0x03, 1, 2, 3, 0x81, 0x7d, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(decodeProcessingRequest(unknown).event).toBeUndefined()
    expect(decodeProcessingRequest(Buffer.alloc(0)).event).toBeUndefined()
  })

  test.each([
    ['a length past the end', [0x22, 0x7f, 1]],
    ['a varint without end', [0x50, 0xff, 0xff]],
    ['a wire type that is none', [0x57]],
    ['a nested length past the end', [0x22, 0x02, 0x0a, 0x7f]],
  ])('with %s is refused', (_name, bytes) => {
    expect(() => decodeProcessingRequest(Buffer.from(bytes))).toThrow(
      expect.objectContaining({ code: 'bad-message' }),
    )
  })
})

describe('a reply', () => {
  const sides = ['request', 'response'] as const

  test.each(sides)('of %s headers', side => {
    expect(encode({ kind: 'headers', side })).toEqual({ [`${side}_headers`]: {} })
    const changed = encode({ kind: 'headers', side, mutation: { set: { a: 'ü' }, remove: ['b'] } })
    expect(changed).toEqual({
      [`${side}_headers`]: {
        response: {
          header_mutation: {
            set_headers: [
              {
                header: { key: 'a', raw_value: base64('ü') },
                append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
              },
            ],
            remove_headers: ['b'],
          },
        },
      },
    })
  })

  test('that asks to buffer names every mode', () => {
    const override = { requestBody: 'buffered', responseBody: 'buffered' } as const
    expect(encode({ kind: 'headers', side: 'response', override }).mode_override).toEqual({
      request_header_mode: 'SEND',
      response_header_mode: 'SEND',
      request_body_mode: 'BUFFERED',
      response_body_mode: 'BUFFERED',
      request_trailer_mode: 'SEND',
      response_trailer_mode: 'SEND',
    })
  })

  test.each(sides)('of a %s body', side => {
    expect(encode({ kind: 'body', side })).toEqual({ [`${side}_body`]: {} })
    const replaced = encode({ kind: 'body', side, replace: Buffer.from('abc') })
    expect(replaced).toEqual({ [`${side}_body`]: { response: { body_mutation: { body: base64('abc') } } } })
    const emptied = encode({ kind: 'body', side, replace: new Uint8Array(0) })
    expect(emptied).toEqual({ [`${side}_body`]: { response: { body_mutation: { clear_body: true } } } })
  })

  test.each([0, 1, 100, 127, 128, 16_383, 16_384, 62_000])('of %d duplex bytes', length => {
    const body = Buffer.alloc(length, 7)
    for (const side of sides) {
      for (const endOfStream of [true, false]) {
        const streamed = {
          ...(length > 0 ? { body: body.toString('base64') } : {}),
          ...(endOfStream ? { end_of_stream: true } : {}),
        }
        expect(encode({ kind: 'streamed-body', side, body, endOfStream })).toEqual({
          [`${side}_body`]: { response: { body_mutation: { streamed_response: streamed } } },
        })
      }
    }
  })

  test('to trailers, and a local one', () => {
    expect(encode({ kind: 'trailers', side: 'request' })).toEqual({ request_trailers: {} })
    const local: Reply = {
      kind: 'local',
      status: 403,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from('{}'),
      details: 'weir_x',
    }
    expect(encode(local)).toMatchObject({
      immediate_response: {
        status: { code: 'Forbidden' },
        body: base64('{}'),
        details: 'weir_x',
        headers: {
          set_headers: [{ header: { key: 'content-type', raw_value: base64('application/json') } }],
        },
      },
    })
  })
})
