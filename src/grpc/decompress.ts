import { gunzipSync, inflateSync } from 'node:zlib'
import { type FailureStatus, GRPC_STATUS } from './rpc.ts'

export interface DecompressFault {
  readonly code: FailureStatus
  readonly details: string
}

/**
 * A message whose compressed flag is set, by the `grpc-encoding` of its call. Envoy compresses none, so that the cost
 * of doing it synchronously does not matter.
 */
export function decompress(
  bytes: Buffer,
  encoding: string | undefined,
  maxBytes: number,
): Buffer | DecompressFault {
  const inflate = encoding === 'gzip' ? gunzipSync : encoding === 'deflate' ? inflateSync : undefined
  if (inflate === undefined) return unsupported(encoding)
  try {
    return inflate(bytes, { maxOutputLength: Math.max(1, maxBytes) })
  } catch (error) {
    const isTooLarge = error instanceof RangeError
    return isTooLarge
      ? { code: GRPC_STATUS.resourceExhausted, details: `message larger than ${maxBytes} bytes` }
      : { code: GRPC_STATUS.internal, details: 'message cannot be decompressed' }
  }
}

/** The compression guide of gRPC: a flag without an encoding is the sender's fault, an unknown one is nobody's. */
function unsupported(encoding: string | undefined): DecompressFault {
  if (encoding === undefined || encoding === 'identity')
    return { code: GRPC_STATUS.internal, details: 'compressed message without grpc-encoding' }
  return { code: GRPC_STATUS.unimplemented, details: `grpc-encoding ${encoding} is not supported` }
}
