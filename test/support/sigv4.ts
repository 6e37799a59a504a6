import { createHash, createHmac } from 'node:crypto'

/** What a request's signature is made of, as it came over the wire. */
export interface SignedRequest {
  readonly method: string
  /** The path as sent, percent-encoded, without a query. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly signedHeaders: readonly string[]
  readonly body: string
  /** `YYYYMMDD/region/service/aws4_request` */
  readonly scope: string
  /** `YYYYMMDDTHHMMSSZ` */
  readonly date: string
}

/**
 * AWS Signature Version 4, written after "Create a signed AWS API request" of the IAM user guide: canonical request,
 * string to sign, derived key, signature. For services other than S3, so that the path is encoded once more.
 */
export function sigV4(request: SignedRequest, secretKey: string): string {
  const canonicalRequest = [
    request.method,
    request.path.split('/').map(encodeSegment).join('/'),
    '',
    ...request.signedHeaders.map(name => `${name}:${request.headers[name]?.trim().replace(/ +/g, ' ')}`),
    '',
    request.signedHeaders.join(';'),
    sha256(request.body),
  ].join('\n')
  const stringToSign = ['AWS4-HMAC-SHA256', request.date, request.scope, sha256(canonicalRequest)].join('\n')
  const key = request.scope
    .split('/')
    .reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${secretKey}`)
  return hmac(key, stringToSign).toString('hex')
}

function encodeSegment(segment: string): string {
  return segment.replace(/[^A-Za-z0-9._~-]/g, char =>
    [...Buffer.from(char)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest()
}

export interface AccessKey {
  readonly id: string
  readonly secret: string
  readonly token?: string
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8}\/[^,]+), ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/

/** Why the service would answer 403, or undefined. `scope` is `region/service`. */
export function signatureFault(
  request: Pick<SignedRequest, 'method' | 'path' | 'headers' | 'body'>,
  key: AccessKey,
  scope: string,
): string | undefined {
  const { headers } = request
  const [, id, fullScope = '', names = '', signature] = AUTHORIZATION.exec(headers.authorization ?? '') ?? []
  const date = headers['x-amz-date'] ?? ''
  const signedHeaders = names.split(';')
  if (id !== key.id) return 'no such access key'
  if (fullScope !== `${date.slice(0, 8)}/${scope}/aws4_request`) return `wrong scope ${fullScope}`
  if (Math.abs(Date.now() - timeOf(date)) > 300_000) return 'the signature has expired'
  if (headers['x-amz-security-token'] !== key.token) return 'wrong session token'
  const owed = ['content-type', 'host', ...Object.keys(headers).filter(name => name.startsWith('x-amz-'))]
  const missing = owed.filter(name => !signedHeaders.includes(name))
  if (missing.length > 0) return `not signed: ${missing}`
  if (signedHeaders.join() !== [...signedHeaders].sort().join()) return 'signed headers are not sorted'
  const expected = sigV4({ ...request, signedHeaders, scope: fullScope, date }, key.secret)
  return signature === expected ? undefined : 'the signature does not match'
}

function timeOf(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
}
