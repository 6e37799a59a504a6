import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/exchange/events.ts'
import { encodeReply } from '../../src/extproc/encode.ts'
import { loadProtos } from '../support/wire.ts'

const Response = loadProtos().lookupType('envoy.service.ext_proc.v3.ProcessingResponse')
const encode = (reply: Reply): Record<string, unknown> =>
  Response.toObject(Response.decode(encodeReply(reply)), { enums: String, bytes: String })
const base64 = (text: string): string => Buffer.from(text).toString('base64')

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
