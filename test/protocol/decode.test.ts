import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WeirError } from '../../src/errors.ts'
import { BODY_MODES, decodeProcessingRequest } from '../../src/extproc/decode.ts'
import { loadProtos } from '../support/wire.ts'

const root = loadProtos()
const Request = root.lookupType('envoy.service.ext_proc.v3.ProcessingRequest')

const decode = (message: Record<string, unknown>): ReturnType<typeof decodeProcessingRequest> =>
  decodeProcessingRequest(Buffer.from(Request.encode(Request.fromObject(message)).finish()))
const base64 = (text: string): string => Buffer.from(text).toString('base64')

const NAMES = ['k', ':path', 'accept', `x-${'n'.repeat(140)}`, '', 'absent']

/** All that can be read of a decoded request, as plain data: headers and attributes in the order of NAMES. */
function seen({ event, observabilityMode, protocol }: ReturnType<typeof decodeProcessingRequest>) {
  if (event?.kind === 'body') {
    return { event: { ...event, body: Buffer.from(event.body) }, observabilityMode, protocol }
  }
  if (event?.kind !== 'headers') return { event, observabilityMode, protocol }
  const { headers, attributes, ...rest } = event
  return {
    event: rest,
    observabilityMode,
    protocol,
    headers: NAMES.map(name => headers.get(name)),
    attributes: NAMES.map(name => attributes.get(name)),
  }
}

/** The same out of protobufjs's reading of the message. */
function expected(bytes: Buffer): ReturnType<typeof seen> {
  const options = { defaults: true, oneofs: true, bytes: Buffer, enums: Number }
  const message = Request.toObject(Request.decode(bytes), options)
  const config = message.protocol_config
  const protocol = config && {
    requestBodyMode: BODY_MODES[config.request_body_mode] ?? 'none',
    responseBodyMode: BODY_MODES[config.response_body_mode] ?? 'none',
    sendsBodyBeforeHeaderReply: config.send_body_without_waiting_for_header_response,
  }
  const request = { observabilityMode: message.observability_mode, protocol: protocol ?? undefined }
  if (message.request === undefined) return { ...request, event: undefined }
  const [side, kind] = message.request.split('_')
  const content = message[message.request]
  if (kind === 'trailers') return { ...request, event: { kind, side } }
  if (kind === 'body') {
    const endOfStream = content.end_of_stream || content.end_of_stream_without_message
    return { ...request, event: { kind, side, body: content.body, endOfStream } }
  }
  const values = (name: string): string[] =>
    (content.headers?.headers ?? [])
      .filter((header: { key: string }) => header.key === name)
      .map(({ value, raw_value: raw }: { value: string; raw_value: Buffer }) => raw.toString() || value)
  const fields = message.attributes[FILTER]?.fields ?? {}
  return {
    ...request,
    event: { kind, side, endOfStream: content.end_of_stream },
    headers: NAMES.map(name => (values(name).length > 0 ? values(name).join(',') : undefined)),
    attributes: NAMES.map(name => fields[name]?.stringValue),
  }
}

const FILTER = 'envoy.filters.http.ext_proc'
const anyBytes = fc.uint8Array({ maxLength: 200 })
const anyName = fc.constantFrom(...NAMES.slice(0, -1))
const anyText = fc.string({ unit: 'grapheme', maxLength: 150 })
const anyHeaders = fc.record(
  {
    headers: fc.record({
      headers: fc.array(
        fc.record({ key: anyName, value: anyText, raw_value: anyBytes }, { requiredKeys: [] }),
        { maxLength: 12 },
      ),
    }),
    end_of_stream: fc.boolean(),
  },
  { requiredKeys: [] },
)
const anyBody = fc.record(
  {
    body: fc.oneof(
      anyBytes,
      fc.constantFrom(127, 128, 16_383, 16_384).map(size => Buffer.alloc(size, 7)),
    ),
    end_of_stream: fc.boolean(),
    end_of_stream_without_message: fc.boolean(),
    grpc_message_compressed: fc.boolean(),
  },
  { requiredKeys: [] },
)
const anyPhase = fc.constantFrom('request', 'response').chain(side =>
  fc.oneof(
    anyHeaders.map(headers => ({ [`${side}_headers`]: headers })),
    anyBody.map(body => ({ [`${side}_body`]: body })),
    fc.constant({ [`${side}_trailers`]: {} }),
    fc.constant({}),
  ),
)
/** What Envoy may put beside the phase, some of it not read here. */
const anyRest = fc.record(
  {
    attributes: fc
      .dictionary(
        anyName,
        fc.oneof(
          anyText.map(stringValue => ({ stringValue })),
          fc.constant({ boolValue: true }),
        ),
      )
      .map(fields => ({ [FILTER]: { fields } })),
    observability_mode: fc.boolean(),
    protocol_config: fc.record({
      request_body_mode: fc.nat(7),
      response_body_mode: fc.nat(7),
      send_body_without_waiting_for_header_response: fc.boolean(),
    }),
    metadata_context: fc.constant({ filter_metadata: { some: { fields: { a: { numberValue: 1 } } } } }),
    flow_control_init: fc.record({ initial_window_downstream_to_sidestream: fc.maxSafeNat() }),
  },
  { requiredKeys: [] },
)
const validMessage = fc
  .tuple(anyPhase, anyRest)
  .map(([phase, rest]) => Buffer.from(Request.encode({ ...phase, ...rest }).finish()))
/** Valid up to a few bytes, and perhaps cut. */
const brokenMessage = fc
  .tuple(validMessage, fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }), fc.nat(400))
  .map(([message, changes, length]) => {
    for (const [at, byte] of changes) if (at < message.byteLength) message[at] = byte
    return message.subarray(0, length)
  })
/** Short, and dense in the tags and lengths that the messages are made of. */
const wireNoise = fc
  .array(fc.constantFrom(0x12, 0x22, 0x4a, 0x50, 0x5a, 0x0a, 0x1a, 0x10, 0x80, 0xff, 0, 1, 2, 3, 4, 8), {
    maxLength: 24,
  })
  .map(bytes => Buffer.from(bytes))

/** What a reader gets out of the bytes: all of it, or the one code that may be thrown. */
function outcome(bytes: Buffer): unknown {
  try {
    return seen(decodeProcessingRequest(bytes))
  } catch (error) {
    if (error instanceof WeirError && error.code === 'bad-message') return error.code
    throw error
  }
}

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

  test('without a phase is no event and no error', () => {
    expect(decodeProcessingRequest(Buffer.alloc(0)).event).toBeUndefined()
    expect(decode({ observability_mode: true }).event).toBeUndefined()
  })

  test.each([
    ['bytes', [0xfa, 0x7f, 3, 1, 2, 3]],
    ['a varint', [0xf8, 0x7f, 0x80, 0x01]],
    ['64 bits', [0x81, 0x7d, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['32 bits', [0x85, 0x7d, 1, 2, 3, 4]],
    ['a number as high as can be', [0xfa, 0xff, 0xff, 0xff, 0x0f, 1, 0]],
  ])('with a field from the future, %s, is read without it', (_name, future) => {
    expect(decodeProcessingRequest(Buffer.from(future)).event).toBeUndefined()
    const message = Buffer.from([...future, 0x22, future.length + 3, ...future, 0x0a, 1, 0x61])
    expect(decodeProcessingRequest(message).event).toMatchObject({ body: Buffer.from('a') })
  })

  test.each([
    ['a length past the end', [0x22, 0x7f, 1]],
    ['a length of two bytes past the end', [0x22, 0x80, 0x01, 1]],
    ['a length of 2^31', [0x22, 0x80, 0x80, 0x80, 0x80, 0x08, 0x0a, 0x00]],
    ['a length of 2^32 + 2, which 32 bits would cut to 2', [0x22, 0x82, 0x80, 0x80, 0x80, 0x10, 0x0a, 0x00]],
    ['a length of 2^63', [0x22, ...Array(9).fill(0x80), 0x01]],
    ['a length cut short', [0x22, 0x80]],
    ['a tag alone', [0x22]],
    ['a tag of 2^32 + 34, which 32 bits would cut to a body', [0xa2, 0x80, 0x80, 0x80, 0x10, 0x00]],
    ['a varint without end', [0x50, 0xff, 0xff]],
    ['a varint of eleven bytes', [0x50, ...Array(10).fill(0x80), 0x01]],
    ['fixed 64 bits cut short', [0xf9, 0x7f, 1, 2, 3, 4, 5, 6, 7]],
    ['fixed 32 bits cut short', [0xfd, 0x7f, 1, 2, 3]],
    ['the start of a group', [0x53, 0x54]],
    ['the end of a group', [0x54]],
    ['a wire type that is none', [0x57]],
    ['a nested length past the end', [0x22, 0x02, 0x0a, 0x7f]],
    ['a nested length past its message', [0x22, 0x02, 0x0a, 0x01, 0x50, 0x01]],
    ['a header past its map', [0x12, 0x04, 0x0a, 0x02, 0x0a, 0x01, 0x50, 0x01]],
    ['a header key past its header', [0x12, 0x06, 0x0a, 0x04, 0x0a, 0x02, 0x0a, 0x03, 0x50, 0x01]],
    ['an attribute past its map', [0x4a, 0x02, 0x12, 0x01, 0x12, 0x00]],
  ])('with %s is refused', (_name, bytes) => {
    expect(() => seen(decodeProcessingRequest(Buffer.from(bytes)))).toThrow(
      expect.objectContaining({ code: 'bad-message' }),
    )
  })

  test('may spell its numbers longer than needed', () => {
    const body = [0x8a, 0x00, 0x81, 0x80, 0x80, 0x00, 0x61]
    const message = Buffer.from([0xa2, 0x80, 0x00, 0x80 | body.length, 0x00, ...body])
    expect(decodeProcessingRequest(message).event).toMatchObject({ body: Buffer.from('a') })
    const highestBit = Buffer.from([0x50, ...Array(9).fill(0x80), 0x01])
    expect(decodeProcessingRequest(highestBit).observabilityMode).toBe(true)
  })

  test('has the last of a field that repeats, and no field of another wire type', () => {
    const body = [0x0a, 1, 0x61, 0x10, 1, 0x0a, 1, 0x62, 0x10, 0, /* bytes as end */ 0x12, 1, 1]
    const message = [0x3a, 0, 0x2a, body.length, ...body, 0x50, 1, /* other types */ 0x52, 0, 0x28, 1]
    const modes = [0x5a, 2, 0x08, 1, 0x5a, 4, 0x08, 1, 0x08, 2]
    const decoded = decodeProcessingRequest(Buffer.from([...message, ...modes]))
    expect(decoded.event).toEqual({
      kind: 'body',
      side: 'response',
      body: Buffer.from('b'),
      endOfStream: false,
    })
    expect(decoded.observabilityMode).toBe(true)
    expect(decoded.protocol?.requestBodyMode).toBe('buffered')
  })

  test('has no header but those of its map', () => {
    const header = [0x0a, 3, 0x0a, 1, 0x6b]
    const beside = Buffer.from([0x12, 2, 0x0a, 0, ...header])
    expect(seen(decodeProcessingRequest(beside)).headers?.[0]).toBeUndefined()
    const within = Buffer.from([0x12, 7, 0x0a, 5, ...header])
    expect(seen(decodeProcessingRequest(within)).headers?.[0]).toBe('')
  })

  test('prefers raw_value to value wherever it stands', () => {
    const [key, raw, value, emptyRaw] = [
      [0x0a, 1, 0x6b],
      [0x1a, 1, 0x72],
      [0x12, 1, 0x76],
      [0x1a, 0],
    ]
    const read = (...fields: number[][]): string | undefined => {
      const header = fields.flat()
      const message = [0x12, header.length + 4, 0x0a, header.length + 2, 0x0a, header.length, ...header]
      return seen(decodeProcessingRequest(Buffer.from(message))).headers?.[0]
    }
    expect([read(raw, value, key), read(key, raw, value)]).toEqual(['r', 'r'])
    expect([read(key, raw, emptyRaw, value), read(key, emptyRaw)]).toEqual(['v', ''])
  })

  test('of any kind is what protobufjs sees in it', () => {
    const sameView = (bytes: Buffer): void => {
      expect(seen(decodeProcessingRequest(bytes))).toEqual(expected(bytes))
    }
    fc.assert(fc.property(validMessage, sameView), { numRuns: 500 })
  })

  test('of broken bytes is refused or read, and never by what stands around it', () => {
    fc.assert(
      fc.property(
        fc.oneof(brokenMessage, wireNoise),
        fc.constantFrom(0x00, 0x01, 0x0a, 0xff),
        (bytes, around) => {
          const frame = Buffer.alloc(bytes.byteLength + 64, around)
          frame.set(bytes, 32)
          expect(outcome(frame.subarray(32, 32 + bytes.byteLength))).toEqual(outcome(Buffer.from(bytes)))
        },
      ),
      { numRuns: 2000 },
    )
  })
})
