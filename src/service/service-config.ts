import { z } from 'zod'
import { WeirError } from '../errors.ts'

/** Longer than this and a timer fires at once. */
const MAX_TIMEOUT_MS = 2_147_483_647

/** The URL of a guard service. Credentials in it would show wherever the config does. */
export function endpointSchema() {
  return z.url({ protocol: /^https?$/ }).refine(hasNoCredentials, 'must not carry credentials: use api_key')
}

/** The same, where paths are added to it. */
export function baseUrlSchema() {
  return endpointSchema().refine(url => !/[?#]/.test(url), 'must not carry a query or a fragment')
}

/** What a kind has another default for. */
interface ServiceDefaults {
  readonly maxConcurrent?: number
}

/** The keys that every kind with a service has: how it is reached, and what happens when it is not well. */
export function serviceKeys({ maxConcurrent = 64 }: ServiceDefaults = {}) {
  return {
    timeout: milliseconds()
      .default(5000)
      .describe('Milliseconds for one whole scan, all of its requests together.'),
    connect_timeout: milliseconds()
      .default(2000)
      .describe('Milliseconds for DNS, TCP and TLS of one connection.'),
    first_byte_timeout: milliseconds()
      .optional()
      .describe(
        'Milliseconds from a request to the first byte of its answer. Default: only `timeout` bounds it.',
      ),
    ssl_verify: z.boolean().default(true).describe('false accepts any certificate.'),
    allow_plaintext: z
      .boolean()
      .default(false)
      .describe(
        'true allows http to a public address; else only loopback and private ones are asked without TLS.',
      ),
    retry: z
      .boolean()
      .default(true)
      .describe('One second request, inside `timeout`, after a failure that another attempt may mend.'),
    hedge: z
      .boolean()
      .default(false)
      .describe(
        'One second request as soon as the first takes longer than 95 % of the latest ones; the faster answer ' +
          'counts. Such a request is not retried as well.',
      ),
    circuit_breaker: circuitBreakerSchema
      .prefault({})
      .describe('A service that keeps failing is not asked for a while: each scan fails at once.'),
    cache: z
      .boolean()
      .default(true)
      .describe('Whether its verdicts are remembered, where the config has a `cache`.'),
    max_concurrent: z
      .int()
      .min(1)
      .max(10_000)
      .default(maxConcurrent)
      .describe('Requests under way at once. Answers of status 429 lower it for a time.'),
    max_queued: z
      .int()
      .min(0)
      .max(100_000)
      .default(256)
      .describe('Requests that wait for one of these; past it a scan fails at once, as overloaded.'),
  }
}

const circuitBreakerSchema = z.strictObject({
  failure_ratio: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('It opens when more than this part of the latest scans failed; 1 is never.'),
  scans: z.int().min(1).max(1000).default(20).describe('How many of the latest scans count.'),
  open_ms: milliseconds().default(5000).describe('How long it stays open before one scan may try again.'),
})

function milliseconds() {
  return z.int().min(1).max(MAX_TIMEOUT_MS)
}

const serviceSchema = z.object(serviceKeys())

/** Those keys, parsed. */
export type ServiceConfig = z.output<typeof serviceSchema>

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
