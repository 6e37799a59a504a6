import { createHash, createHmac } from 'node:crypto'
import type { AwsKeys } from './keys.ts'

export interface SignedPost {
  readonly url: URL
  readonly region: string
  /** The service's name in signatures, which need not be the first label of its host. */
  readonly service: string
  readonly body: string
}

/**
 * The headers of AWS Signature Version 4 for a POST of exactly this JSON. The path is signed as it is sent,
 * percent-encoded, and so is encoded twice. The signer is loaded only when something is to be signed.
 */
export async function signatureHeaders(
  keys: AwsKeys,
  { url, region, service, body }: SignedPost,
): Promise<Readonly<Record<string, string>>> {
  const { SignatureV4 } = await import('@smithy/signature-v4')
  const { accessKeyId, secretAccessKey, sessionToken } = keys
  const credentials = { accessKeyId, secretAccessKey, sessionToken }
  const signature = new SignatureV4({ service, region, credentials, sha256: Sha256 })
  const signed = await signature.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    headers: { host: url.host, 'content-type': 'application/json' },
    body,
  })
  // The HTTP client writes these itself, with the same values.
  const { host: _, 'content-type': __, ...headers } = signed.headers
  return headers
}

type HashInput = string | ArrayBuffer | ArrayBufferView

/** SHA-256, or HMAC with a secret, as the signer wants it. */
class Sha256 {
  readonly #hash

  constructor(secret?: HashInput) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }

  update(data: HashInput): void {
    this.#hash.update(bytesOf(data))
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
}

function bytesOf(data: HashInput): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, 'utf8')
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
}
