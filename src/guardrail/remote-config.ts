import { z } from 'zod'
import { WeirError } from '../errors.ts'

/** Longer than this and a timer fires at once. */
const MAX_TIMEOUT_MS = 2_147_483_647

/** The URL of a guard service. Credentials in it would show wherever the config does. */
export function endpointSchema() {
  return z.url({ protocol: /^https?$/ }).refine(hasNoCredentials, 'must not carry credentials: use api_key')
}

/** How long one whole scan may take, all of its requests together. */
export function timeoutSchema() {
  return z.int().min(1).max(MAX_TIMEOUT_MS).default(5000).describe('Milliseconds for one whole scan.')
}

export function sslVerifySchema() {
  return z.boolean().default(true).describe('false accepts any certificate.')
}

/** Headers that the HTTP client writes itself. */
const RESERVED = new Set([
  'accept',
  'connection',
  'content-length',
  'content-type',
  'host',
  'transfer-encoding',
])

/** The name of the header that carries the key. */
export function keyHeaderSchema() {
  return z
    .string()
    .regex(/^[a-z0-9-]{1,64}$/, 'must be a header name in lower case')
    .refine(name => !RESERVED.has(name), 'is a header that Weir writes itself')
}

function hasNoCredentials(url: string): boolean {
  const parsed = URL.parse(url)
  return parsed !== null && parsed.username === '' && parsed.password === ''
}

/**
 * The header that carries a guardrail's key: `Bearer <key>` in `authorization`, in any other the key alone.
 *
 * @throws WeirError `bad-config` for a key that no header can carry (a line break from a file, say): it would fail
 *   every scan. The key is not quoted.
 */
export function keyHeader(
  guardrail: string,
  header: string,
  apiKey: string | undefined,
): Readonly<Record<string, string>> {
  if (apiKey === undefined) return {}
  if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    const problem = {
      path: `guardrails.${guardrail}.api_key`,
      message: 'holds a space, line break or non-ASCII character',
    }
    throw new WeirError('bad-config', `guardrail ${guardrail}: the api_key cannot be sent`, {
      problems: [problem],
    })
  }
  return { [header]: header === 'authorization' ? `Bearer ${apiKey}` : apiKey }
}
