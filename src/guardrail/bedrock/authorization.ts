import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { WeirError } from '../../errors.ts'

/** Who asks: a Bedrock API key, or an access key, with a session token when it is temporary. */
export interface BedrockCredentials {
  readonly api_key?: string | undefined
  readonly access_key_id?: string | undefined
  readonly secret_access_key?: string | undefined
  readonly session_token?: string | undefined
}

/** The headers that authorize a POST of exactly this body. */
export type Authorize = (body: string) => Promise<Readonly<Record<string, string>>>

/** The service's name in signatures, which is not the first label of its host. */
const SIGNING_NAME = 'bedrock'

/**
 * Throws WeirError `bad-config` when a key holds what no header can carry (a line break from a file, say), or when
 * there is none: every scan would fail, better to fail at the start.
 */
export function authorization(
  name: string,
  credentials: BedrockCredentials,
  region: string,
  url: URL,
): Authorize {
  const { api_key: apiKey, access_key_id: id, secret_access_key: secret, session_token: token } = credentials
  for (const [key, value] of Object.entries({
    api_key: apiKey,
    access_key_id: id,
    secret_access_key: secret,
    session_token: token,
  })) {
    if (value !== undefined && !/^[\x21-\x7e]+$/.test(value)) {
      throw badConfig(name, key, 'holds a space, line break or non-ASCII character')
    }
  }
  if (apiKey !== undefined) {
    const headers = { authorization: `Bearer ${apiKey}` }
    return () => Promise.resolve(headers)
  }
  if (id === undefined || secret === undefined) throw badConfig(name, 'api_key', 'is missing')
  return signer({ accessKeyId: id, secretAccessKey: secret, sessionToken: token }, region, url)
}

function badConfig(name: string, key: string, message: string): WeirError {
  const problem = { path: `guardrails.${name}.${key}`, message }
  return new WeirError('bad-config', `guardrail ${name}: the ${key} cannot be used`, { problems: [problem] })
}

interface AccessKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
}

/** AWS Signature Version 4. The path is signed as it is sent, percent-encoded, and so is encoded twice. */
function signer(credentials: AccessKey, region: string, url: URL): Authorize {
  const signature = new SignatureV4({
    service: SIGNING_NAME,
    region,
    credentials,
    sha256: Sha256,
  })
  return async body => {
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
