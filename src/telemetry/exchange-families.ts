import type { ExchangeEnd } from '../exchange/events.ts'
import { every, type Family } from './family.ts'
import type { LogFileTrouble } from './log-file.ts'

/** The config with its secrets and lists, or the TLS identity of the listener. */
export type RenewedPart = 'config' | 'tls'
/** `unchanged`: read, and as it was. Where it `failed`, what was in use stays. */
export type RenewalResult = 'changed' | 'unchanged' | 'failed'

/** What happens to exchanges and to the process that serves them. */
export const EXCHANGE_FAMILIES = {
  open: {
    name: 'weir_exchanges_open',
    type: 'gauge',
    help: 'Exchanges open now.',
    labels: {},
    watch: 'It comes near `server.max_exchanges`, or grows while requests do not: answers do not end.',
  },
  ended: {
    name: 'weir_exchanges_total',
    type: 'counter',
    help: 'Exchanges that ended, by how.',
    labels: {
      end: every<ExchangeEnd>({
        done: true,
        'closed-by-envoy': true,
        refused: true,
        failed: true,
        drained: true,
      }),
    },
    watch:
      "`failed`: a fault of Weir's own, or no memory; the log has it. `drained`: exchanges that a restart cut off.",
  },
  holding: {
    name: 'weir_exchanges_holding',
    type: 'gauge',
    help: 'Exchanges that keep body bytes in memory now.',
    labels: {},
  },
  waiting: {
    name: 'weir_exchanges_waiting',
    type: 'gauge',
    help: 'Exchanges that take nothing from Envoy now, since over 80 % of server.max_bytes are in memory.',
    labels: {},
    watch: 'Above 0 for long: a guard service is slow, or `server.max_bytes` is too small.',
  },
  turnedAway: {
    name: 'weir_exchanges_turned_away_total',
    type: 'counter',
    help: 'Exchanges that were not begun, as server.max_exchanges were open.',
    labels: {},
    watch: 'It rises: clients get errors. More workers or replicas.',
  },
  overBudget: {
    name: 'weir_over_budget_total',
    type: 'counter',
    help: 'Exchanges that found no room for their bytes, as server.max_bytes were in memory.',
    labels: {},
    watch: 'It rises: requests get 503, or pass unseen where rules fail open.',
  },
  heldBytes: {
    name: 'weir_held_bytes',
    type: 'gauge',
    help: 'Body bytes in memory now.',
    labels: {},
    watch: 'Over 75 % of `weir_budget_bytes`.',
  },
  budgetBytes: {
    name: 'weir_budget_bytes',
    type: 'gauge',
    help: 'The value of server.max_bytes.',
    labels: {},
  },
  windowChars: {
    name: 'weir_window_chars',
    type: 'histogram',
    help: 'New characters in each scan by windows of a streamed answer.',
    labels: {},
    buckets: [20, 80, 160, 320, 640, 1280, 2000, 4000, 16_000, 64_000],
    watch:
      'Its count is the number of windows scanned. Most are small: many scans for each answer, and each is paid for (`stream.window`).',
  },
  heartbeats: {
    name: 'weir_heartbeats_total',
    type: 'counter',
    help: 'Heartbeats sent on withheld event streams.',
    labels: {},
  },
  shadowScans: {
    name: 'weir_shadow_scans_running',
    type: 'gauge',
    help: 'Scans that run now and that nobody waits for: of what was delivered live.',
    labels: {},
    watch: 'Near 1000: more are not begun, and recorded as `over-limit`.',
  },
  readsWaiting: {
    name: 'weir_heavy_bodies_waiting',
    type: 'gauge',
    help: 'Heavy bodies that wait for the reading thread, or are read, now.',
    labels: {},
    watch: 'Above 0 for long: bodies of unusual structure take the time of honest ones.',
  },
  unmatched: {
    name: 'weir_unmatched_total',
    type: 'counter',
    help: 'Exchanges that no policy took.',
    labels: {},
    watch: 'It rises: a host, path or route that `match` does not name, and `unmatched` decides.',
  },
  unsupported: {
    name: 'weir_unsupported_total',
    type: 'counter',
    help: 'Bodies that no format could inspect: fail_mode decided.',
    labels: {},
    watch: 'It rises: with `fail_mode: skip` this is traffic that passes unseen.',
  },
  uninspectable: {
    name: 'weir_uninspectable_total',
    type: 'counter',
    help: 'Bodies with parts that no guardrail can read.',
    labels: {},
    watch: 'It rises: images or files pass beside text, unless `uninspectable: deny`.',
  },
  refused: {
    name: 'weir_refused_total',
    type: 'counter',
    help: "Calls that Envoy's config made impossible to guard.",
    labels: {},
    watch: "Above 0: the filter's `processing_mode` hides what a policy must see; the log says what.",
  },
  unenforced: {
    name: 'weir_unenforced_total',
    type: 'counter',
    help: 'Exchanges that observability_mode kept from being denied or changed.',
    labels: { policy: { namesOf: 'policies' } },
    watch: 'Above 0 where you do not mean it: nothing is enforced.',
  },
  faults: {
    name: 'weir_faults_total',
    type: 'counter',
    help: 'Faults whose cause was logged: of guardrails, or bugs.',
    labels: {},
    watch: 'It rises: look for `fault` and `guardrail failed` in the log.',
  },
  snapshot: {
    name: 'weir_snapshot_info',
    type: 'gauge',
    help: 'The config in force: 1, labelled by its version.',
    labels: { version: { namesOf: 'configs: a hash, one at a time' } },
    watch: 'Replicas show different versions for long.',
  },
  snapshots: {
    name: 'weir_snapshots_open',
    type: 'gauge',
    help: 'Configs in memory: the one in force, and those before it that exchanges still run on.',
    labels: {},
    watch: 'It stays above 2: old exchanges do not end.',
  },
  renewals: {
    name: 'weir_renewals_total',
    type: 'counter',
    help: 'Secrets and lists of the config, or the TLS identity, read again; where it failed, what was in use stays.',
    labels: {
      what: every<RenewedPart>({ config: true, tls: true }),
      result: every<RenewalResult>({ changed: true, unchanged: true, failed: true }),
    },
    watch: '`result="failed"` rises: what you changed is not in force; the log says why.',
  },
  logLinesLost: {
    name: 'weir_log_lines_lost_total',
    type: 'counter',
    help: 'Lines for the file of decision records that were dropped, as it could not be written.',
    labels: {},
    watch: 'Above 0: the record has gaps. The disk is full, or does not keep up.',
  },
  logFileTrouble: {
    name: 'weir_log_file_errors_total',
    type: 'counter',
    help: 'What could not be done with the file of decision records, each time it was tried.',
    labels: { what: every<LogFileTrouble>({ open: true, write: true, rotate: true, compress: true }) },
    watch: 'It rises: the log says which file and why. `rotate`: the file grows past its size.',
  },
  lag: {
    name: 'weir_event_loop_lag_seconds',
    type: 'gauge',
    help: 'How late timers ring: 99th percentile since the last scrape.',
    labels: {},
    watch: 'Above 0.05 for minutes: the process has more to do than one core can.',
  },
} as const satisfies Record<string, Family>
