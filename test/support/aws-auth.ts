import type { IncomingHttpHeaders } from 'node:http'
import type { StubAnswer } from './judging-server.ts'
import type { AccessKey } from './sigv4.ts'
import { signatureFault } from './sigv4.ts'

/** Who is let in. `expired`: AWS knows the key and finds its session over. */
export type AwsAuth =
  | { readonly apiKey: string }
  | { readonly accessKey: AccessKey; readonly session?: 'expired' }

interface AwsRequest {
  readonly method?: string | undefined
  /** The path, as sent. */
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
}

interface AwsError {
  readonly type: string
  readonly message: string
}

/** The 403 that AWS would answer, in its words, or undefined for who is let in. `scope` is `region/service`. */
export function awsAuthRefusal(
  auth: AwsAuth,
  request: AwsRequest,
  body: string,
  scope: string,
): AwsError | undefined {
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
  )
  if ('apiKey' in auth) {
    const isRight = headers.authorization === `Bearer ${auth.apiKey}`
    return isRight ? undefined : { type: 'AccessDeniedException', message: 'wrong or missing API key' }
  }
  const signed = { method: request.method ?? '', path: request.url ?? '', headers, body }
  const fault = signatureFault(signed, auth.accessKey, scope)
  if (fault !== undefined) return errorOf(fault, headers['x-amz-date'] ?? '')
  if (auth.session === undefined) return undefined
  return {
    type: 'ExpiredTokenException',
    message: 'The security token included in the request is expired',
  }
}

/** An error as AWS answers one: its type in a header, behind which some services put an address. */
export function awsError(status: number, type: string, message: string): StubAnswer {
  return { status, json: { message }, headers: { 'x-amzn-errortype': `${type}:http://internal/` } }
}

function errorOf(fault: string, date: string): AwsError {
  switch (fault) {
    case 'no such access key':
    case 'wrong session token':
      return {
        type: 'UnrecognizedClientException',
        message: 'The security token included in the request is invalid.',
      }
    case 'the signature has expired':
      return {
        type: 'InvalidSignatureException',
        message: `Signature expired: ${date} is now earlier than 20500101T000000Z (20500101T000500Z - 5 min.)`,
      }
    default:
      return {
        type: 'InvalidSignatureException',
        message: `The request signature we calculated does not match the signature you provided. (${fault})`,
      }
  }
}
