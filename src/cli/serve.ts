import { type WatchTimes, watchSecrets, watchTimes } from '../config/secret-watch.ts'
import { createServer } from '../server.ts'
import { createLog } from '../telemetry/log.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { createScrubber, type Scrubber } from '../telemetry/scrub.ts'
import { createTelemetry, type Telemetry } from '../telemetry/telemetry.ts'
import { readArguments } from './arguments.ts'
import { type Command, type CommandIo, EXIT_CODES } from './command.ts'
import { type OpenedSnapshot, openSnapshot } from './open-snapshot.ts'
import { secretRenewal } from './renew-secrets.ts'

/** Below the 30 s that Kubernetes grants by default, so that the last exchanges are ended by us and not by a kill. */
const DRAIN_DEADLINE_MS = 25_000

/** `weir serve`: serves until a signal, then lets the running exchanges finish. */
export const serve: Command = {
  name: 'serve',
  summary: 'serve Envoy until a signal comes',
  help: `Usage: weir serve [options]

Serves Envoy's ext_proc filter. Logs are JSON lines on stdout. Without --config it runs on an embedded config:
local guardrails only, no key, no network, loopback only.

SIGTERM or SIGINT lets running exchanges finish for ${DRAIN_DEADLINE_MS / 1000} s and then ends; a second one ends at once.

Options:
  --config FILE     the config
  --listen ADDRESS  where Envoy connects; wins over server.listen
  --admin ADDRESS   health, metrics and masked config; wins over server.admin
${EXIT_CODES}`,
  async run(args, io) {
    const { options } = readArguments(args, { options: ['config', 'listen', 'admin'], fewest: 0, most: 0 })
    const { config: file, listen, admin } = options
    const times = watchTimes(io.env)
    // The log's level stands in the config, so that the snapshot is made before what listens to its guardrails.
    const heard: { telemetry?: Telemetry } = {}
    const opened = await openSnapshot({
      file,
      env: io.env,
      listen,
      admin,
      report: (guardrail, event) => heard.telemetry?.serviceEvent(guardrail, event),
      reportCache: (state, cause) => heard.telemetry?.cacheState(state, cause),
    })
    const { snapshot } = opened
    const scrubber = createScrubber()
    scrubber.add(snapshot.secretValues())
    const log = createLog({ level: snapshot.server.log.level, scrubber })
    const metrics = createMetrics()
    metrics.snapshot(snapshot.version)
    heard.telemetry = createTelemetry(log, metrics)
    try {
      await serveUntilStopped({ opened, times, scrubber, telemetry: heard.telemetry }, io)
      return 0
    } finally {
      metrics.close()
      await snapshot.close()
    }
  },
}

interface Serving {
  readonly opened: OpenedSnapshot
  readonly times: WatchTimes
  readonly scrubber: Scrubber
  readonly telemetry: Telemetry
}

/** Starts, waits for a signal and drains. Rejects when a listener cannot be bound. */
async function serveUntilStopped(
  { opened, times, scrubber, telemetry }: Serving,
  io: CommandIo,
): Promise<void> {
  const { snapshot } = opened
  const { log } = telemetry
  const stop = Promise.withResolvers<string>()
  let signals = 0
  const unwatchSignals = io.onStopSignal(signal => {
    signals++
    if (signals === 1) stop.resolve(signal)
    else io.exit(1)
  })
  // After a throw that nothing caught no invariant is sure to hold: going on could let traffic pass unscanned.
  const unwatchFaults = io.onFault(error => {
    log.error('fatal', { err: error })
    io.exit(1)
  })
  try {
    const server = createServer(snapshot, { telemetry })
    const { listen, admin } = await server.start()
    for (const warning of snapshot.warnings) log.warn('config warning', { warning })
    log.info('serving', { listen, admin, snapshot: snapshot.version })
    const renew = secretRenewal({ opened, use: server.use, scrubber, log })
    const watch = watchSecrets(opened.origins, times, renew)
    const signal = await stop.promise
    watch.close()
    log.info('draining', { signal, deadlineMs: DRAIN_DEADLINE_MS })
    await server.drain(DRAIN_DEADLINE_MS)
    log.info('stopped')
  } finally {
    unwatchSignals()
    unwatchFaults()
  }
}
