import { formatListenAddress, parseListenAddress } from '../config/address.ts'
import { type WatchTimes, watchConfig, watchTimes } from '../config/config-watch.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { headerValuesIn } from '../config/telemetry-settings.ts'
import { DecisionRing } from '../console/decision-ring.ts'
import { WeirError } from '../errors.ts'
import { createServer } from '../server.ts'
import { type DecisionFile, type DecisionFileDeps, openDecisionFile } from '../telemetry/decision-file.ts'
import { createLog } from '../telemetry/log.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { createScrubber, type Scrubber } from '../telemetry/scrub.ts'
import { createTelemetry, type Telemetry } from '../telemetry/telemetry.ts'
import type { SupervisorLine } from '../workers/supervisor-line.ts'
import { workerAddress } from '../workers/worker-address.ts'
import { answerSupervisor } from './answer-supervisor.ts'
import { readArguments } from './arguments.ts'
import { type Command, type CommandIo, EXIT_CODES } from './command.ts'
import { type Exporting, openExporting } from './exporting.ts'
import { type OpenedSnapshot, openSnapshot, type SnapshotSource } from './open-snapshot.ts'
import { type Orders, takeOrders } from './orders.ts'
import { configRenewal } from './renew-config.ts'
import { supervise } from './supervise.ts'

/** For the last spans and metrics, after the drain. */
const EXPORT_DEADLINE_MS = 3000

/** `weir serve`: serves until a signal, then lets the running exchanges finish. */
export const serve: Command = {
  name: 'serve',
  summary: 'serve Envoy until a signal comes',
  help: `Usage: weir serve [options]

Serves Envoy's ext_proc filter. Logs are JSON lines on stdout. Without --config it runs on an embedded config:
local guardrails only, no key, no network, loopback only.

With server.workers above 1 this process starts that many others, which serve: the first at the address, each other one
port higher (or at the socket with its number behind the path). It has the admin listener for all of them.

The config, its secrets and lists are looked at every few seconds, and read again when they have changed; SIGHUP has
them read at once. Where a new one does not hold the one in use stays. Running exchanges keep theirs.

With server.log.decisions the decision records go to a file, which SIGHUP begins anew where it was moved away.

SIGTERM or SIGINT lets running exchanges finish, for server.drain_ms (25 s) at most, and then ends; a second one ends
at once.

Options:
  --config FILE     the config
  --listen ADDRESS  where Envoy connects; wins over server.listen
  --admin ADDRESS   health, metrics, masked config and the console; wins over server.admin
${EXIT_CODES}`,
  async run(args, io) {
    const { options } = readArguments(args, { options: ['config', 'listen', 'admin'], fewest: 0, most: 0 })
    const { config: file, listen, admin } = options
    const times = watchTimes(io.env)
    // From now on, since the default of a signal is to end the process, or as the first of a container to do nothing.
    const orders = takeOrders(io)
    // The log's level stands in the config, so that the snapshot is made before what listens to its guardrails.
    const heard: { telemetry?: Telemetry; exporting?: Exporting } = {}
    const scrubber = createScrubber()
    const source: SnapshotSource = {
      file,
      env: io.env,
      listen,
      admin,
      scrubber,
      report(guardrail, event) {
        heard.telemetry?.serviceEvent(guardrail, event)
        heard.exporting?.serviceEvent(event)
      },
      reportCache: (state, cause) => heard.telemetry?.cacheState(state, cause),
    }
    const metrics = createMetrics()
    let opened: OpenedSnapshot | undefined
    try {
      opened = await openSnapshot(source)
      const { snapshot } = opened
      scrubber.add(headerValuesIn(io.env))
      const log = createLog({ level: snapshot.server.log.level, scrubber, worker: io.supervisor?.worker })
      if (orders.isToStop) {
        log.info('stopped before it served')
        return 0
      }
      if (snapshot.server.workers > 1 && io.supervisor === undefined) {
        // Only to know that it holds, and to show it: each worker opens its own.
        await opened.close()
        await supervise({ snapshot, log, orders, args, scrub: scrubber.jsonLine }, io)
        return 0
      }
      metrics.snapshot(snapshot.version)
      const { level, sample_clean } = snapshot.server.log
      const decisions = await decisionFile(snapshot, {
        level,
        scrubber,
        worker: io.supervisor?.worker,
        operations: log,
        metrics,
      })
      const ring =
        snapshot.server.console.access === 'none'
          ? undefined
          : new DecisionRing({ scrub: scrubber.jsonLine, worker: io.supervisor?.worker })
      const telemetry = createTelemetry(log, metrics, sample_clean, decisions?.log, ring?.add)
      heard.telemetry = telemetry
      const exporting = await openExporting(snapshot, {
        env: io.env,
        telemetry,
        worker: io.supervisor?.worker,
      })
      heard.exporting = exporting
      try {
        await serveUntilStopped(
          { orders, opened, times, scrubber, telemetry, exporting, decisions, ring },
          io,
        )
      } finally {
        await Promise.all([exporting.close(EXPORT_DEADLINE_MS), decisions?.close()])
      }
      return 0
    } finally {
      metrics.close()
      await opened?.close()
      orders.close()
    }
  },
}

interface Serving {
  readonly orders: Orders
  readonly opened: OpenedSnapshot
  readonly times: WatchTimes
  readonly scrubber: Scrubber
  readonly telemetry: Telemetry
  readonly exporting: Exporting
  readonly decisions: DecisionFile | undefined
  /** What the console shows of decisions, where there is one. */
  readonly ring: DecisionRing | undefined
}

type Told = Pick<OpenedSnapshot, 'snapshot' | 'readAtMs'>

/** Starts, waits until it is told to stop and drains. Rejects when a listener cannot be bound. */
async function serveUntilStopped(
  { orders, opened, times, scrubber, telemetry, exporting, decisions, ring }: Serving,
  io: CommandIo,
): Promise<void> {
  const { snapshot } = opened
  const { log } = telemetry
  const { supervisor } = io
  // After a throw that nothing caught no invariant is sure to hold: going on could let traffic pass unscanned.
  const unwatchFaults = io.onFault(error => {
    log.error('fatal', { err: error })
    decisions?.flushSync()
    io.exit(1)
  })
  try {
    const worker = supervisor && { listen: listenOf(supervisor, snapshot.server.listen) }
    const server = createServer(snapshot, {
      telemetry,
      tracing: exporting.tracing,
      worker,
      tlsPollMs: times.pollMs,
      decisions: ring,
      scrub: scrubber.jsonLine,
    })
    if (supervisor)
      answerSupervisor(supervisor, { metrics: telemetry.metrics, decisions: ring, judge: server.judge })
    const { listen, admin } = await server.start()
    supervisor?.send({ kind: 'serving', listen })
    for (const warning of snapshot.warnings) log.warn('config warning', { warning })
    if (supervisor === undefined) log.info('serving', { listen, admin, snapshot: snapshot.version })
    else log.info('worker serving', { listen, pid: supervisor.pid, snapshot: snapshot.version })
    const tellConfig = ({ snapshot: { version, masked }, readAtMs }: Told): void =>
      supervisor?.send({ kind: 'config', version, masked, readAtMs })
    tellConfig(opened)
    const use = (next: Told): void => {
      server.use(next.snapshot)
      exporting.use(next.snapshot)
      tellConfig(next)
    }
    orders.beforeExit(() => decisions?.flushSync())
    const renew = configRenewal({ opened, use, telemetry })
    const watch = watchConfig(opened.origins, times, renew)
    orders.onReload(() => {
      decisions?.reopen()
      watch.renewNow()
    })
    const signal = await orders.stop
    const deadlineMs = snapshot.server.drain_ms
    log.info('draining', { signal, deadlineMs })
    // What a renewal under way opens must not be opened after all was closed. Vault's own deadlines bound the wait.
    await Promise.all([watch.close(), server.drain(deadlineMs)])
    log.info('stopped')
  } finally {
    unwatchFaults()
  }
}

/**
 * The file of `server.log.decisions`, where there is one.
 *
 * @throws WeirError `bad-config` where it cannot be opened
 */
async function decisionFile(
  { server }: Snapshot,
  deps: Omit<DecisionFileDeps, 'file'>,
): Promise<DecisionFile | undefined> {
  const { decisions } = server.log
  if (decisions === undefined) return undefined
  const { file: path, rotate_bytes, rotate_ms, keep, compress, mode } = decisions
  try {
    const file = {
      path,
      mode: Number.parseInt(mode, 8),
      rotateBytes: rotate_bytes,
      rotateMs: rotate_ms,
      keep,
      compress: compress ? 'gzip' : 'none',
    } as const
    return await openDecisionFile({ ...deps, file })
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    const problem = { path: 'server.log.decisions.file', message: `cannot open ${path}: ${why}` }
    throw new WeirError('bad-config', `${problem.path}: ${problem.message}`, { cause, problems: [problem] })
  }
}

function listenOf({ worker }: SupervisorLine, configured: string): string {
  const address = parseListenAddress(configured)
  if (address === undefined) throw new WeirError('bug', 'a listen address that the schema let through')
  return formatListenAddress(workerAddress(address, worker))
}
