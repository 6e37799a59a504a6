import { formatListenAddress, parseListenAddress } from '../config/address.ts'
import { type WatchTimes, watchConfig } from '../config/config-watch.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { WeirError } from '../errors.ts'
import { createServer, type WeirServer } from '../server.ts'
import type { Log } from '../telemetry/log.ts'
import type { Scrubber } from '../telemetry/scrub.ts'
import type { SupervisorLine } from '../workers/supervisor-line.ts'
import { workerAddress } from '../workers/worker-address.ts'
import { answerSupervisor } from './answer-supervisor.ts'
import type { CommandIo } from './command.ts'
import type { OpenedSnapshot } from './open-snapshot.ts'
import type { Orders } from './orders.ts'
import { configRenewal } from './renew-config.ts'
import { openReporting, type Reporting } from './reporting.ts'

export interface ServingBasis {
  readonly snapshots: OpenedSnapshot
  /** How often the config and its files are looked at. */
  readonly times: WatchTimes
  readonly log: Log
  readonly orders: Orders
  readonly scrubber: Scrubber
  /** Gets who is to hear how asking the guard services goes. */
  readonly onReporting: (reporting: Reporting) => void
}

/** What new exchanges run on. */
type InForce = Pick<OpenedSnapshot, 'snapshot' | 'readAtMs'>

/**
 * Serves Envoy until it is told to stop, and lets the running exchanges finish. Rejects when a listener or the decisions'
 * file cannot be opened.
 */
export async function serveExchanges(
  { snapshots, times, log, orders, scrubber, onReporting }: ServingBasis,
  io: CommandIo,
): Promise<void> {
  const { snapshot } = snapshots
  const { supervisor } = io
  // What tells of the exchanges is closed in the reverse order, when those that take them have stopped.
  await using started = new AsyncDisposableStack()
  const deps = { env: io.env, log, scrubber, worker: supervisor?.worker }
  const reporting = started.adopt(await openReporting(snapshot, deps), it => it.close())
  onReporting(reporting)
  started.defer(endOnFault(reporting, io))
  orders.beforeExit(reporting.flushSync)
  const server = createServer(snapshot, {
    telemetry: reporting.telemetry,
    tracing: reporting.tracing,
    decisions: reporting.ring,
    worker: supervisor && { listen: listenOf(supervisor, snapshot.server.listen) },
    tlsPollMs: times.pollMs,
    scrub: scrubber.jsonLine,
  })
  if (supervisor)
    answerSupervisor(supervisor, {
      metrics: reporting.telemetry.metrics,
      decisions: reporting.ring,
      judge: server.judge,
    })
  tellServing(await server.start(), snapshot, log, supervisor)
  tellConfig(snapshots, supervisor)
  const use = (next: InForce): void => {
    server.use(next.snapshot)
    reporting.use(next.snapshot)
    tellConfig(next, supervisor)
  }
  const renew = configRenewal({ opened: snapshots, use, telemetry: reporting.telemetry })
  const watch = watchConfig(snapshots.origins, times, renew)
  orders.onReload(() => {
    reporting.reopenFile()
    watch.renewNow()
  })
  const signal = await orders.stop
  const deadlineMs = snapshot.server.drain_ms
  log.info('draining', { signal, deadlineMs })
  // What a renewal under way opens must not be opened after all was closed. Vault's own deadlines bound the wait.
  await Promise.all([watch.close(), server.drain(deadlineMs)])
  log.info('stopped')
}

/** After a throw that nothing caught no invariant is sure to hold: going on could let traffic pass unscanned. */
function endOnFault({ telemetry, flushSync }: Reporting, io: CommandIo): () => void {
  return io.onFault(error => {
    telemetry.log.error('fatal', { err: error })
    flushSync()
    io.exit(1)
  })
}

function tellServing(
  { listen, admin }: Awaited<ReturnType<WeirServer['start']>>,
  { version, warnings }: Snapshot,
  log: Log,
  supervisor: SupervisorLine | undefined,
): void {
  supervisor?.send({ kind: 'serving', listen })
  for (const warning of warnings) log.warn('config warning', { warning })
  if (supervisor === undefined) log.info('serving', { listen, admin, snapshot: version })
  else log.info('worker serving', { listen, pid: supervisor.pid, snapshot: version })
}

function tellConfig({ snapshot, readAtMs }: InForce, supervisor: SupervisorLine | undefined): void {
  supervisor?.send({ kind: 'config', version: snapshot.version, masked: snapshot.masked, readAtMs })
}

function listenOf({ worker }: SupervisorLine, configured: string): string {
  const address = parseListenAddress(configured)
  if (address === undefined) throw new WeirError('bug', 'a listen address that the schema let through')
  return formatListenAddress(workerAddress(address, worker))
}
