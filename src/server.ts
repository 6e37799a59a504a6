import { randomUUID } from 'node:crypto'
import { contentCodings } from './coding/codings.ts'
import { parseListenAddress } from './config/address.ts'
import type { Snapshot } from './config/snapshot.ts'
import { WeirError } from './errors.ts'
import { createExtProcService } from './extproc/service.ts'
import { ShadowScans } from './extproc/shadow-scans.ts'
import { type AdminAddress, createAdminServer, type Readiness } from './telemetry/admin.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

/** Live deliveries whose verdict is still awaited after their call ended; more than these are not scanned. */
const MAX_SHADOW_SCANS = 1000

export interface WeirServer {
  /**
   * Binds both listeners and resolves with their addresses, `host:port` or `unix:///path`.
   *
   * @throws WeirError `address-in-use` when either cannot be bound, `unsupported-runtime` on a Node that is too old
   */
  start(): Promise<{ readonly listen: string; readonly admin: string }>
  /**
   * Exchanges that begin from now on get this snapshot; those under way keep theirs. Its listeners and the sizes of its
   * bodies are those of the one that the server was made with: they are set at the start.
   */
  use(snapshot: Snapshot): void
  /**
   * Readiness goes off, running exchanges go on; after `deadlineMs` what is left is ended as UNAVAILABLE, never OK.
   * Resolves when all is over and the listeners are closed.
   */
  drain(deadlineMs: number): Promise<void>
}

/** Joins a snapshot, the gRPC room and the admin listener. */
export function createServer(snapshot: Snapshot, deps: { readonly telemetry: Telemetry }): WeirServer {
  const { telemetry } = deps
  let inUse = snapshot
  let state: 'starting' | 'serving' | 'draining' = 'starting'
  const service = createExtProcService(
    {
      telemetry,
      policies: () => inUse.policySet,
      codings: contentCodings,
      shadows: new ShadowScans(MAX_SHADOW_SCANS),
      clock: () => performance.now(),
      unixSeconds: () => Math.floor(Date.now() / 1000),
      newId: () => randomUUID().replaceAll('-', ''),
    },
    { maxBodyBytes: largestBody(snapshot), nodeVersion: process.versions.node },
  )
  const admin = createAdminServer({
    readiness: (): Readiness => (state === 'serving' ? { ready: true } : { ready: false, why: state }),
    metrics: telemetry.metrics,
    maskedConfig: () => inUse.masked,
    log: telemetry.log,
  })
  return {
    async start() {
      const adminBound = await admin.listen(adminAddress(snapshot.server.admin))
      try {
        const listen = await service.listen(snapshot.server.listen)
        state = 'serving'
        return { listen, admin: adminBound }
      } catch (error) {
        await admin.close()
        throw error
      }
    },
    use(next) {
      inUse = next
      telemetry.metrics.snapshot(next.version)
    },
    async drain(deadlineMs) {
      state = 'draining'
      await service.drain(deadlineMs)
      await admin.close()
    },
  }
}

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
