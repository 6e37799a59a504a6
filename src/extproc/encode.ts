import { assertNever } from '../errors.ts'
import type { BodyMode, HeaderMutation, LocalReply, ModeOverride, Reply, Side } from '../exchange/events.ts'
import { BODY_MODES } from './decode.ts'
import { bytesField, stringField, varintField, varintSize, writeVarint } from './wire.ts'

/** A reply as a ProcessingResponse. The ones that carry nothing are encoded once. */
export function encodeReply(reply: Reply): Buffer {
  switch (reply.kind) {
    case 'headers':
      return encodeHeaders(reply)
    case 'body':
      return encodeBody(reply)
    case 'streamed-body':
      return encodeStreamedBody(reply.side, reply.body, reply.endOfStream)
    case 'trailers':
      return TRAILERS[reply.side]
    case 'local':
      return bytesField(7, encodeLocalReply(reply))
    default:
      return assertNever(reply)
  }
}

const HEADERS_FIELD: Record<Side, number> = { request: 1, response: 2 }
const BODY_FIELD: Record<Side, number> = { request: 3, response: 4 }
const TRAILERS_FIELD: Record<Side, number> = { request: 5, response: 6 }

const forSides = (encode: (side: Side) => Buffer): Record<Side, Buffer> => ({
  request: encode('request'),
  response: encode('response'),
})
const PLAIN_HEADERS = forSides(side => bytesField(HEADERS_FIELD[side]))
const PLAIN_BODY = forSides(side => bytesField(BODY_FIELD[side]))
const TRAILERS = forSides(side => bytesField(TRAILERS_FIELD[side]))

function encodeHeaders({ side, mutation, override }: Extract<Reply, { kind: 'headers' }>): Buffer {
  if (mutation === undefined && override === undefined) return PLAIN_HEADERS[side]
  const common = mutation ? [bytesField(1, bytesField(2, encodeMutation(mutation)))] : []
  const headers = bytesField(HEADERS_FIELD[side], ...common)
  return override ? Buffer.concat([headers, bytesField(9, encodeOverride(override))]) : headers
}

function encodeBody({ side, replace, mutation }: Extract<Reply, { kind: 'body' }>): Buffer {
  if (replace === undefined && mutation === undefined) return PLAIN_BODY[side]
  const common: Buffer[] = []
  if (mutation) common.push(bytesField(2, encodeMutation(mutation)))
  if (replace) {
    // An empty `body` is no mutation at all: dropping a chunk has its own field.
    const mutated = replace.byteLength === 0 ? varintField(2, 1) : bytesField(1, replace)
    common.push(bytesField(3, mutated))
  }
  return bytesField(BODY_FIELD[side], bytesField(1, ...common))
}

/** Six nested messages around the bytes, in one allocation: this is the reply that streams are made of. */
function encodeStreamedBody(side: Side, body: Uint8Array, endOfStream: boolean): Buffer {
  const length = body.byteLength
  const end = endOfStream ? 2 : 0
  const streamed = (length > 0 ? 1 + varintSize(length) + length : 0) + end
  const mutation = 1 + varintSize(streamed) + streamed
  const common = 1 + varintSize(mutation) + mutation
  const bodyResponse = 1 + varintSize(common) + common
  const out = Buffer.allocUnsafe(1 + varintSize(bodyResponse) + bodyResponse)
  let at = openField(out, 0, BODY_FIELD[side], bodyResponse)
  at = openField(out, at, 1, common)
  at = openField(out, at, 3, mutation)
  at = openField(out, at, 3, streamed)
  if (length > 0) {
    at = openField(out, at, 1, length)
    out.set(body, at)
    at += length
  }
  if (endOfStream) {
    out[at] = 2 << 3
    out[at + 1] = 1
  }
  return out
}

function openField(out: Buffer, at: number, field: number, size: number): number {
  out[at] = (field << 3) | 2
  return writeVarint(out, at + 1, size)
}

/** Values go out as `raw_value`: Envoy reads a header set by `value` as empty. */
function encodeMutation({ set = {}, remove = [] }: HeaderMutation): Buffer {
  const pieces = Object.entries(set).map(([name, value]) =>
    bytesField(
      1,
      bytesField(1, stringField(1, name), stringField(3, value)),
      varintField(3, OVERWRITE_IF_EXISTS_OR_ADD),
    ),
  )
  return Buffer.concat([...pieces, ...remove.map(name => stringField(2, name))])
}

const OVERWRITE_IF_EXISTS_OR_ADD = 2

const SEND = 1

/** Every field is named: in an override, one that is left out switches its phase off. */
function encodeOverride({ requestBody, responseBody }: ModeOverride): Buffer {
  return Buffer.concat([
    varintField(1, SEND),
    varintField(2, SEND),
    varintField(3, modeNumber(requestBody)),
    varintField(4, modeNumber(responseBody)),
    varintField(5, SEND),
    varintField(6, SEND),
  ])
}

function modeNumber(mode: BodyMode): number {
  return BODY_MODES.indexOf(mode)
}

/** The one place where an ImmediateResponse is made. */
function encodeLocalReply({ status, headers, body, details }: LocalReply): Buffer {
  return Buffer.concat([
    bytesField(1, varintField(1, status)),
    bytesField(2, encodeMutation({ set: headers })),
    bytesField(3, body),
    stringField(5, details),
  ])
}
