import { z } from 'zod'

/** Why AWS did not believe who asks. Its own faults and missing permissions are none of these. */
export type AwsRefusal = 'clock' | 'expired' | 'unknown-key' | 'signature'

const bodySchema = z.object({
  message: z.string().nullish().catch(undefined),
  Message: z.string().nullish().catch(undefined),
  __type: z.string().nullish().catch(undefined),
  code: z.string().nullish().catch(undefined),
})

interface ErrorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: string
}

/**
 * Reads an error of a service that speaks JSON: its type stands in `x-amzn-errortype`, before a colon, or in the body;
 * proxies lose the one, and other services leave out the other, so that the message counts as well.
 */
export function awsRefusal({ status, headers, body }: ErrorAnswer): AwsRefusal | undefined {
  if (status < 400 || status >= 500) return undefined
  const { message, Message, __type, code } = readBody(body)
  const header = headers['x-amzn-errortype']
  const type = (typeof header === 'string' ? header : (__type ?? code ?? '')).replace(/:.*$|^.*#/g, '')
  const text = message ?? Message ?? ''
  if (/^RequestTimeTooSkewed|^RequestExpired/.test(type)) return 'clock'
  // "Signature expired: 20260101T000000Z is now earlier than …", "Signature not yet current: …"
  if (/^signature (?:expired|not yet current)/i.test(text)) return 'clock'
  if (/^ExpiredToken/.test(type) || /security token .* is expired/i.test(text)) return 'expired'
  if (/^UnrecognizedClient|^InvalidClientTokenId|^InvalidAccessKeyId/.test(type)) return 'unknown-key'
  if (/security token .* is invalid/i.test(text)) return 'unknown-key'
  return /^InvalidSignature|^SignatureDoesNotMatch|^IncompleteSignature/.test(type) ? 'signature' : undefined
}

function readBody(body: string): z.output<typeof bodySchema> {
  try {
    return bodySchema.safeParse(JSON.parse(body)).data ?? {}
  } catch {
    return {}
  }
}

/** For the log. None of them quotes what the service said. */
export const REFUSAL_MESSAGES: Readonly<Record<AwsRefusal, string>> = {
  clock: 'AWS finds the time of the signature wrong: is the clock of this host right?',
  expired: 'AWS finds the credentials expired',
  'unknown-key': 'AWS does not know the credentials',
  signature: 'AWS finds the signature wrong: is it the secret key of this access key?',
}
