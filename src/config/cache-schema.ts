import { z } from 'zod'

/** Shorter ones could be guessed by who reads the cache. */
const FEWEST_KEY_CHARS = 16

/** The config's `cache`. */
export const cacheSchema = z
  .strictObject({
    url: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A Redis or Valkey server that replicas share, `redis://user:password@host:6379/0` or `rediss://…`. Without it verdicts are kept in this process.',
      ),
    key: z
      .string()
      .min(1)
      .refine(text => text.startsWith('$') || text.length >= FEWEST_KEY_CHARS, {
        error: `must have at least ${FEWEST_KEY_CHARS} characters`,
      })
      .optional()
      .describe(
        'What texts are hashed and verdicts are sealed with; required with `url`, the same in all replicas. Whoever has it can forge verdicts.',
      ),
    ttl_ms: z
      .int()
      .min(1000)
      .max(86_400_000)
      .default(300_000)
      .describe('How long a verdict is believed, in milliseconds.'),
    max_entries: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(10_000)
      .describe('Verdicts kept in this process; the least lately used go first. A server has its own limit.'),
    allow_plaintext: z
      .boolean()
      .default(false)
      .describe(
        'true allows `redis://` to a public address; else only loopback and private ones are asked without TLS.',
      ),
  })
  .refine(({ url, key }) => url === undefined || key !== undefined, {
    path: ['key'],
    error: 'is required with url: replicas hash and seal with the same key',
  })

export type CacheConfig = z.output<typeof cacheSchema>
