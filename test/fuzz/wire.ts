import fc from 'fast-check'
import { WeirError } from '../../src/errors.ts'
import { decodeProcessingRequest } from '../../src/extproc/decode.ts'
import { loadProtos } from '../support/wire.ts'
import { anyBytes, nearly } from './bytes.ts'
import { mustEqual, orRefused } from './require.ts'
import { fuzzTarget } from './target.ts'

const Request = loadProtos().lookupType('envoy.service.ext_proc.v3.ProcessingRequest')

const NAMES = [':path', ':status', 'content-type', 'x-weir-policy', '', '\u00ff', 'xds.route_name']
const name = fc.oneof(fc.constantFrom(...NAMES), fc.string({ maxLength: 8 }))
const header = fc.record({
  key: name,
  value: fc.oneof(fc.constant(''), fc.string({ maxLength: 8 })),
  raw_value: anyBytes(12),
})
const headers = fc.record({
  headers: fc.record({ headers: fc.array(header, { maxLength: 6 }) }),
  end_of_stream: fc.boolean(),
})
const body = fc.record({ body: anyBytes(30), end_of_stream: fc.boolean() })
const phase = fc.oneof(
  fc.record({ request_headers: headers }),
  fc.record({ response_headers: headers }),
  fc.record({ request_body: body }),
  fc.record({ response_body: body }),
  fc.constantFrom({ request_trailers: {} }, { response_trailers: {} }, {}),
)
const struct = fc.record({
  fields: fc.dictionary(name, fc.record({ string_value: fc.string({ maxLength: 8 }) })),
})
const rest = fc.record(
  {
    attributes: fc.dictionary(name, struct, { maxKeys: 2 }),
    observability_mode: fc.boolean(),
    protocol_config: fc.record({ request_body_mode: fc.nat(9), response_body_mode: fc.nat(9) }),
  },
  { requiredKeys: [] },
)

/** A message as Envoy may send it, as bytes. */
export const message: fc.Arbitrary<Buffer> = fc
  .tuple(phase, rest)
  .map(([one, other]) => Buffer.from(Request.encode(Request.fromObject({ ...one, ...other })).finish()))

/** All that can be read of a message, or that it is none. */
function readAll(bytes: Buffer): unknown {
  const decoded = orRefused('bad-message', () => decodeProcessingRequest(bytes))
  if (decoded instanceof WeirError) return 'none'
  const { event, ...rest } = decoded
  if (event?.kind === 'body') return { ...rest, event: { ...event, body: Buffer.from(event.body) } }
  if (event?.kind !== 'headers') return { ...rest, event }
  const values = NAMES.flatMap(wanted =>
    [event.headers, event.attributes].map(reader => {
      const value = orRefused('bad-message', () => reader.get(wanted))
      return value instanceof WeirError ? 'broken' : { value }
    }),
  )
  return { ...rest, side: event.side, endOfStream: event.endOfStream, values }
}

/** Any bytes are a message of which everything can be read, or are refused as none; what stands around them is no part. */
export const wire = fuzzTarget('wire', 500, fc.oneof(nearly(message), anyBytes(60)), bytes => {
  const around = Buffer.concat([Buffer.alloc(3, 'x'), bytes, Buffer.alloc(40, 'y')])
  mustEqual(
    readAll(around.subarray(3, 3 + bytes.byteLength)),
    readAll(bytes),
    'bytes around a message were read',
  )
})
