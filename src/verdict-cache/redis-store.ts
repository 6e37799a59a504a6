import { WeirError } from '../errors.ts'
import type { Verdict } from '../guardrail/guardrail.ts'
import type { PlaintextRule } from '../service/egress.ts'
import { endpointProblem } from '../service/egress.ts'
import type { RedisConnectionOptions } from './redis-connection.ts'
import { RedisConnection } from './redis-connection.ts'
import type { Seal } from './sealed.ts'
import { openVerdict, sealVerdict } from './sealed.ts'
import type { VerdictStore } from './verdict-store.ts'

export interface RedisStoreOptions extends RedisConnectionOptions {
  readonly ttlMs: number
  readonly seal: Seal
  /** Unix milliseconds. Replicas whose clocks differ keep a verdict that much longer or shorter, by `ttlMs` at most. */
  readonly now?: () => number
}

/** Every key of ours on the server, which may be others' as well. */
const PREFIX = 'weir:verdict:'
/** A longer verdict is not written, and of a longer value no more is read: no seal fits a part. */
const MAX_VALUE_BYTES = 32 * 1024

/**
 * Verdicts that replicas share, on a Redis or Valkey server. The login needs GETRANGE and SET on `weir:verdict:*`. It
 * starts without waiting for the server and never fails because of it: a lookup without a connection rejects at once,
 * a verdict that cannot be written is dropped.
 *
 * Throws WeirError `bad-config` for a URL that it cannot use.
 */
export function createRedisStore(options: RedisStoreOptions): VerdictStore {
  const { url, allowPlaintext = false, ttlMs, seal, now = Date.now } = options
  const problem = redisUrlProblem(url, { allowPlaintext })
  if (problem !== undefined) throw new WeirError('bad-config', `the cache URL ${problem}`)
  const connection = new RedisConnection(options)
  return {
    async get(key: string): Promise<Verdict | undefined> {
      const value = await connection.read(PREFIX + key, MAX_VALUE_BYTES)
      if (value === '') return undefined
      const nowMs = now()
      // Clocks of replicas differ a little. A verdict that ends later than that was written before a clock was put back,
      // and would be believed for as long as that was.
      return openVerdict(seal, key, value, { nowMs, latestMs: nowMs + 2 * ttlMs })
    },
    set(key: string, verdict: Verdict): void {
      const value = sealVerdict(seal, { key, verdict, expiresMs: now() + ttlMs })
      if (Buffer.byteLength(value) > MAX_VALUE_BYTES) return
      // The connection tells of its loss itself, and the verdict goes its way without.
      connection.write(PREFIX + key, value, ttlMs).catch(() => {})
    },
    close: async () => connection.close(),
  }
}

/**
 * Why a URL cannot be that of a cache server, as far as it shows before any connection; undefined when it can. Quotes
 * nothing of it: it holds a password.
 */
export function redisUrlProblem(url: string, { allowPlaintext }: PlaintextRule): string | undefined {
  const parsed = URL.parse(url)
  if (parsed === null) return 'is no URL'
  if (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:')
    return 'must begin with redis:// or rediss://'
  if (parsed.hostname === '') return 'must name a host'
  if (parsed.search !== '' || parsed.hash !== '') return 'must not have a query or a fragment'
  if (!/^\/?\d*$/.test(parsed.pathname)) return 'may end with the number of a database, and with nothing else'
  if (!isDecodable(parsed.username) || !isDecodable(parsed.password))
    return 'must have its user and password percent-encoded'
  return endpointProblem(url, allowPlaintext)
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
