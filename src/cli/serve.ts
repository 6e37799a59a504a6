import { watchTimes } from '../config/config-watch.ts'
import { headerValuesIn } from '../config/telemetry-settings.ts'
import { createLog } from '../telemetry/log.ts'
import { createScrubber } from '../telemetry/scrub.ts'
import { readArguments } from './arguments.ts'
import { type Command, EXIT_CODES } from './command.ts'
import { openSnapshot } from './open-snapshot.ts'
import { takeOrders } from './orders.ts'
import type { Reporting } from './reporting.ts'
import { serveExchanges } from './serve-exchanges.ts'
import { supervise } from './supervise.ts'

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
    const { env, supervisor } = io
    const times = watchTimes(env)
    // What is started here is closed in the reverse order, whatever comes of it.
    await using started = new AsyncDisposableStack()
    // Before all else, since the default of a signal is to end the process, or as the first of a container to do nothing.
    const orders = started.adopt(takeOrders(io), it => it.close())
    const scrubber = createScrubber()
    // The log's level stands in the config, so that the snapshot is there before what listens to its guardrails.
    const heard: { by?: Reporting } = {}
    const snapshots = started.adopt(
      await openSnapshot({
        file,
        env,
        listen,
        admin,
        scrubber,
        report: (guardrail, event) => heard.by?.serviceEvent(guardrail, event),
        reportCache: (state, cause) => heard.by?.telemetry.cacheState(state, cause),
      }),
      it => it.close(),
    )
    const { snapshot } = snapshots
    scrubber.add(headerValuesIn(env))
    const log = createLog({ level: snapshot.server.log.level, scrubber, worker: supervisor?.worker })
    if (orders.isToStop) {
      log.info('stopped before it served')
    } else if (snapshot.server.workers > 1 && supervisor === undefined) {
      // Only to know that it holds, and to show it: each worker opens its own.
      await snapshots.close()
      await supervise({ snapshot, log, orders, args, scrub: scrubber.jsonLine }, io)
    } else {
      const onReporting = (reporting: Reporting): void => {
        heard.by = reporting
      }
      await serveExchanges({ snapshots, times, log, orders, scrubber, onReporting }, io)
    }
    return 0
  },
}
