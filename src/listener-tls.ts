import { isDeepStrictEqual } from 'node:util'
import { type ConfigWatch, seeFiles, watchConfig } from './config/config-watch.ts'
import type { TlsConfig } from './config/schema.ts'
import { readServerTls } from './config/server-tls.ts'
import { WeirError } from './errors.ts'
import type { TlsIdentity } from './grpc/tls.ts'
import type { LogFields } from './telemetry/log.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

type Telling = Pick<Telemetry, 'log' | 'metrics'>

/** The TLS of the gRPC listener, as its files have it. */
export interface ListenerTls {
  /** As they had it at the start. */
  readonly identity: TlsIdentity
  /** Hands over the identity of today whenever the files change. Where they cannot be used the one in use stays. */
  watch(pollMs: number, renew: (identity: TlsIdentity) => void): ConfigWatch
  /** A peer was not let in: says why in the log, the same reason at most once a minute. */
  refused(why: string): void
}

const SAME_REFUSAL_MS = 60_000

/**
 * Reads the files of `server.tls`.
 *
 * @throws WeirError `bad-config` with every problem
 */
export function openListenerTls(config: TlsConfig, telemetry: Telling): ListenerTls {
  const { log } = telemetry
  // Before they are read: what changes in between then shows at the next look.
  const files = seeFiles(tlsFiles(config))
  const { identity, warnings } = readServerTls(config, new Date())
  for (const warning of warnings) log.warn('config warning', { warning })
  const refusals = new Map<string, number>()
  return {
    identity,
    watch: (pollMs, renew) =>
      watchConfig(
        () => ({ files, vault: 'unused' }),
        { pollMs, vaultRefreshMs: pollMs },
        renewal(config, identity, renew, telemetry),
      ),
    refused(why) {
      const now = performance.now()
      if (now - (refusals.get(why) ?? -SAME_REFUSAL_MS) < SAME_REFUSAL_MS) return
      refusals.set(why, now)
      log.warn('TLS peer refused', { why })
    },
  }
}

/** The files that an identity is read from. */
function tlsFiles({ cert, key, client_ca }: TlsConfig): readonly string[] {
  return [cert, key, ...(client_ca === undefined ? [] : [client_ca])]
}

/**
 * Reads the files anew and hands over what they hold, where it is not in use already: a look at them in the middle of a
 * change sees half of it, and the next one sees the rest of what has been read by then. Never rejects. The same failure
 * is told once.
 */
export function renewal(
  config: TlsConfig,
  atStart: TlsIdentity,
  renew: (identity: TlsIdentity) => void,
  { log, metrics }: Telling,
): () => Promise<'done' | 'failed'> {
  let inUse = atStart
  let said = ''
  return async () => {
    try {
      const { identity, warnings } = readServerTls(config, new Date())
      if (isDeepStrictEqual(identity, inUse)) {
        if (said !== '') log.info('TLS certificate as it was: what was wrong with its files is over')
        metrics.renewal('tls', 'unchanged')
      } else {
        renew(identity)
        inUse = identity
        log.info('TLS certificate renewed', { cert: config.cert })
        for (const warning of warnings) log.warn('config warning', { warning })
        metrics.renewal('tls', 'changed')
      }
      said = ''
      return 'done'
    } catch (error) {
      const fields = fieldsOf(error)
      const saying = JSON.stringify(fields)
      if (saying !== said) log.error('TLS certificate not renewed', fields)
      said = saying
      metrics.renewal('tls', 'failed')
      return 'failed'
    }
  }
}

function fieldsOf(error: unknown): LogFields {
  if (error instanceof WeirError)
    return { problems: error.problems.map(({ path, message }) => `${path}: ${message}`) }
  // OpenSSL's words tell what it dislikes, never what stands in a key.
  return { problems: [error instanceof Error ? error.message : 'unknown error'] }
}
