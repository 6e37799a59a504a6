import type { ConfigProblem } from '../errors.ts'
import type { Guardrail } from '../guardrail/guardrail.ts'
import type { GuardrailConfig } from '../guardrail/registry.ts'
import type { GuardrailDeps } from '../service/ask-service.ts'
import { cached } from '../verdict-cache/cached.ts'
import { redisUrlProblem } from '../verdict-cache/redis-store.ts'
import type { VerdictCache, VerdictCaches } from '../verdict-cache/verdict-caches.ts'
import type { CacheConfig } from './cache-schema.ts'
import { canonicalJson } from './canonical.ts'

/** Of the config's `cache`, by their path in it. */
type CacheSecrets = ReadonlyMap<string, string> | undefined

/** What is wrong with a cache that the schema cannot see: where its URL leads, once it is resolved. */
export function cacheProblems(
  cache: CacheConfig | undefined,
  secrets: CacheSecrets,
): readonly ConfigProblem[] {
  const url = secrets?.get('url')
  if (cache === undefined || url === undefined) return []
  const message = redisUrlProblem(url, { allowPlaintext: cache.allow_plaintext })
  return message === undefined ? [] : [{ path: 'cache.url', message }]
}

/** Opens the cache of a config; a server of its own is connected to from here on. */
export function openCache(
  cache: CacheConfig | undefined,
  secrets: CacheSecrets,
  caches: VerdictCaches,
): VerdictCache | undefined {
  return (
    cache &&
    caches.open({
      url: secrets?.get('url'),
      allowPlaintext: cache.allow_plaintext,
      key: secrets?.get('key'),
      ttlMs: cache.ttl_ms,
      maxEntries: cache.max_entries,
    })
  )
}

/** A guardrail, and the config that it was made of, with the values of its secrets. */
export interface MadeGuardrail {
  readonly guardrail: Guardrail
  readonly config: GuardrailConfig
}

/** Puts the cache in front of a guardrail whose service it spares. */
export function remembering(
  { guardrail, config }: MadeGuardrail,
  cache: VerdictCache | undefined,
  report: GuardrailDeps['report'],
): Guardrail {
  if (cache === undefined || guardrail.locality === 'local' || !('cache' in config) || !config.cache)
    return guardrail
  return cached(guardrail, {
    store: cache.store,
    digest: cache.digest,
    // With its secrets, since a key or a header may choose the policy that judges. Keyed, so that nobody who has no
    // more than the server's keys can try out what they are; no key of a verdict begins with this word.
    configVersion: cache.digest(JSON.stringify(['config', canonicalJson(config)])),
    report: event => report(guardrail.name, `cache-${event}`),
  })
}
