import { contentCodings } from './coding/codings.ts'
import { parseListenAddress } from './config/address.ts'
import type { ConfigWatch } from './config/config-watch.ts'
import type { Snapshot } from './config/snapshot.ts'
import { Bench, type BenchResponse } from './console/bench.ts'
import { createConsole } from './console/console.ts'
import type { DecisionRing } from './console/decision-ring.ts'
import { SnapshotHistory } from './console/snapshot-history.ts'
import { defaultBudget } from './default-budget.ts'
import { WeirError } from './errors.ts'
import { ByteLedger } from './extproc/byte-ledger.ts'
import type { Tracing } from './extproc/call-deps.ts'
import { randomIds } from './extproc/random-id.ts'
import { createExtProcService } from './extproc/service.ts'
import { ShadowScans } from './extproc/shadow-scans.ts'
import { openListenerTls } from './listener-tls.ts'
import { PinnedSnapshots } from './pinned-snapshots.ts'
import { ThreadReader } from './reading/thread-reader.ts'
import { type AdminAddress, createAdminServer, type Readiness } from './telemetry/admin.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

/** Live deliveries whose verdict is still awaited after their call ended; more than these are not scanned. */
const MAX_SHADOW_SCANS = 1000
const DEFAULT_TLS_POLL_MS = 5000

export interface WeirServer {
  /**
   * Binds both listeners and resolves with their addresses, `host:port` or `unix:///path`; a worker has no `admin`.
   *
   * @throws WeirError `address-in-use` when either cannot be bound, `unsupported-runtime` on a Node that is too old
   */
  start(): Promise<{ readonly listen: string; readonly admin: string | undefined }>
  /**
   * Exchanges that begin from now on get this snapshot; those under way keep theirs, which is closed when the last of
   * them is over. Its listeners and the sizes of its bodies are those of the one that
   * the server was made with: they are set at the start.
   */
  use(snapshot: Snapshot): void
  /**
   * Readiness goes off, running exchanges go on; after `deadlineMs` what is left is ended as UNAVAILABLE, never OK.
   * Resolves when all is over and the listeners are closed.
   */
  drain(deadlineMs: number): Promise<void>
  /** What the bench of the console says to a question, for a supervisor that has the console. Never rejects. */
  judge(question: string): Promise<BenchResponse>
}

export interface ServerDeps {
  readonly telemetry: Telemetry
  /** Left out where nothing is traced. */
  readonly tracing?: Tracing | undefined
  /** A worker listens at an address of its own, and its supervisor has the admin listener. */
  readonly worker?: { readonly listen: string } | undefined
  /** Milliseconds between two looks at the files of `server.tls`. */
  readonly tlsPollMs?: number | undefined
  /** What the console shows of decisions; without it there is no console. */
  readonly decisions?: DecisionRing | undefined
  /** Takes known secrets out of a line of JSON. */
  readonly scrub?: ((line: string) => string) | undefined
}

/**
 * Joins a snapshot, the gRPC room and the admin listener.
 *
 * @throws WeirError `bad-config` when the files of `server.tls` cannot be used
 */
export function createServer(snapshot: Snapshot, deps: ServerDeps): WeirServer {
  const {
    telemetry,
    tracing,
    worker,
    tlsPollMs = DEFAULT_TLS_POLL_MS,
    decisions,
    scrub = line => line,
  } = deps
  const { tls: tlsConfig, socket_mode: socketMode, workers } = snapshot.server
  const maxBytes = snapshot.server.max_bytes ?? defaultBudget(workers)
  telemetry.metrics.budget(maxBytes)
  const tls = tlsConfig && openListenerTls(tlsConfig, telemetry)
  let watch: ConfigWatch | undefined
  const snapshots = new PinnedSnapshots(snapshot, {
    reportOpen: telemetry.metrics.snapshotsOpen,
    reportFailure: error => telemetry.log.error('closing a replaced snapshot failed', { err: error }),
  })
  let state: 'starting' | 'serving' | 'draining' = 'starting'
  const reader = new ThreadReader(error => telemetry.log.error('reading a body failed', { err: error }))
  const shadows = new ShadowScans(MAX_SHADOW_SCANS)
  const ledger = new ByteLedger(maxBytes, telemetry.held)
  telemetry.metrics.watchLoad({
    exchangesHolding: () => ledger.holding,
    exchangesWaiting: () => ledger.waiting,
    shadowScans: () => shadows.running,
    heavyBodies: () => reader.waiting,
  })
  const service = createExtProcService(
    {
      telemetry,
      tracing,
      pin: () => snapshots.pin(),
      codings: contentCodings,
      reader,
      shadows,
      ledger,
      clock: () => performance.now(),
      unixSeconds,
      newId: randomIds(),
    },
    {
      maxBodyBytes: largestBody(snapshot),
      nodeVersion: process.versions.node,
      maxExchanges: snapshot.server.max_exchanges,
      socketMode: Number.parseInt(socketMode, 8),
      tls: tls?.identity,
      onTlsRefused: tls?.refused,
    },
  )
  const readiness = (): Readiness => (state === 'serving' ? { ready: true } : { ready: false, why: state })
  const bench = new Bench({
    pin: () => snapshots.pin(),
    unixSeconds,
    scrub,
    fault: error => telemetry.log.error('bench failed', { err: error }),
  })
  const history = new SnapshotHistory(snapshot.version, snapshot.masked)
  const { access, hosts } = snapshot.server.console
  const hasConsole = access !== 'none' && decisions !== undefined && worker === undefined
  const admin = createAdminServer({
    readiness,
    metrics: telemetry.metrics,
    maskedConfig: () => snapshots.inForce.masked,
    hosts,
    log: telemetry.log,
    more: hasConsole
      ? createConsole({
          access,
          hosts,
          ring: decisions,
          readiness,
          look: telemetry.metrics.look,
          snapshots: history,
          judge: question => bench.judge(question),
          log: telemetry.log,
        })
      : undefined,
  })
  return {
    async start() {
      const adminBound = worker ? undefined : await admin.listen(adminAddress(snapshot.server.admin))
      try {
        const listen = await service.listen(worker?.listen ?? snapshot.server.listen)
        watch = tls?.watch(tlsPollMs, service.renewTls)
        state = 'serving'
        return { listen, admin: adminBound }
      } catch (error) {
        await admin.close()
        throw error
      }
    },
    use(next) {
      if (largestBody(next) > largestBody(snapshot))
        telemetry.log.warn('config warning', { warning: LARGER_BODIES })
      telemetry.metrics.snapshot(next.version)
      snapshots.use(next)
      history.use(next.version, next.masked)
    },
    async drain(deadlineMs) {
      state = 'draining'
      await Promise.all([watch?.close(), service.drain(deadlineMs)])
      await reader.close()
      await admin.close()
    },
    judge: question => bench.judge(question),
  }
}

const unixSeconds = (): number => Math.floor(Date.now() / 1000)

const LARGER_BODIES =
  'limits are larger than at the start: Envoy in BUFFERED sends a body as one message, and the larger ones are refused until the next start'

function largestBody(snapshot: Snapshot): number {
  const limits = snapshot.policySet.policies.map(({ limits }) =>
    Math.max(limits.maxRequestBytes, limits.maxResponseBytes),
  )
  return Math.max(0, ...limits)
}

function adminAddress(text: string): AdminAddress {
  const parsed = parseListenAddress(text)
  if (parsed === undefined) throw new WeirError('bug', 'an admin address that the schema let through')
  return parsed
}
