import { type FailureStatus, GRPC_STATUS } from './rpc.ts'

/** Names and values in turns, which node:http2 takes as they are; an object it copies. */
export const RESPONSE_HEADERS: readonly string[] = [':status', '200', 'content-type', 'application/grpc']

type Trailers = Readonly<Record<'grpc-status' | 'grpc-message', string>> | typeof OK_TRAILERS

const OK_TRAILERS = { 'grpc-status': '0' }

/** How a call ended, for the peer. */
export function trailers(code: FailureStatus | typeof GRPC_STATUS.ok, details: string): Trailers {
  if (code === GRPC_STATUS.ok) return OK_TRAILERS
  return { 'grpc-status': String(code), 'grpc-message': percentEncode(details) }
}

/** The headers of an answer that is nothing but its status. */
export function trailersOnly(
  code: FailureStatus | typeof GRPC_STATUS.ok,
  details: string,
): readonly string[] {
  return [...RESPONSE_HEADERS, ...Object.entries(trailers(code, details)).flat()]
}

/** As gRPC wants `grpc-message`: all but printable ASCII, and the percent sign, by the bytes of its UTF-8. */
function percentEncode(text: string): string {
  let encoded = ''
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
