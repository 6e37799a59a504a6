import { byId, bytes, element, milliseconds, say, whole } from './dom.js'

/**
 * What `/console/status` says.
 *
 * @typedef {object} Status
 * @property {'read_only' | 'full'} access
 * @property {{ ready: boolean, why?: string }} readiness
 * @property {Snapshot} snapshot
 * @property {Metrics} metrics
 *
 * @typedef {object} Snapshot
 * @property {string} version
 * @property {string} since
 * @property {string} [previous]
 * @property {{ path: string, before?: string, after?: string }[]} changes
 * @property {number} changesLeftOut
 * @property {string[]} policies
 *
 * @typedef {object} Metrics
 * @property {number} exchangesOpen
 * @property {number} heldBytes
 * @property {number} budgetBytes
 * @property {number} lagMs
 * @property {{ effective: string, count: number }[]} decisions
 * @property {Guardrail[]} guardrails
 * @property {Record<string, number>} counters
 *
 * @typedef {object} Guardrail
 * @property {string} guardrail
 * @property {string} phase
 * @property {number} scans
 * @property {number} [p50Ms]
 * @property {number} [p95Ms]
 * @property {number} flagged
 * @property {{ reason: string, count: number }[]} failures
 */

const EVERY_MS = 2000
/** Nobody looks. */
const HIDDEN_MS = 15_000

/** What counters mean, in the order of the page. */
const COUNTERS = new Map([
  ['unmatched', 'no policy took it'],
  ['unsupported', 'no format could inspect it'],
  ['uninspectable', 'held parts that no guardrail can read'],
  ['unenforced', 'Envoy only lets Weir watch'],
  ['refused', "Envoy's config hides what a policy must see"],
  ['exchanges_turned_away', 'over server.max_exchanges'],
  ['over_budget', 'over server.max_bytes'],
  ['faults', 'faults of guardrails, or bugs'],
  ['heartbeats', 'heartbeats on withheld streams'],
])

/**
 * Asks for the status again and again and shows it.
 *
 * @param {(status: Status) => void} onStatus
 */
export function startStatus(onStatus) {
  const state = byId('state', HTMLElement)
  const turn = async () => {
    try {
      const response = await fetch('status', { cache: 'no-store' })
      if (!response.ok) throw new Error(`status ${response.status}`)
      /** @type {Status} */
      const status = await response.json()
      show(status)
      onStatus(status)
    } catch {
      say(state, 'not reachable')
      state.dataset.kind = 'denied'
    }
    setTimeout(turn, document.hidden ? HIDDEN_MS : EVERY_MS)
  }
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void refreshState()
  })
  const refreshState = async () => {
    const response = await fetch('status', { cache: 'no-store' }).catch(() => undefined)
    if (response?.ok) show(await response.json())
  }
  void turn()
}

/** @param {Status} status */
function show({ readiness, snapshot, metrics }) {
  const state = byId('state', HTMLElement)
  say(state, readiness.ready ? 'serving' : (readiness.why ?? 'not ready'))
  state.dataset.kind = readiness.ready ? 'released' : 'alerted'
  showTiles(metrics)
  showGuardrails(metrics.guardrails)
  showCounters(metrics.counters)
  showSnapshot(snapshot)
}

/** @param {Metrics} metrics */
function showTiles({ exchangesOpen, heldBytes, budgetBytes, lagMs, decisions }) {
  const counted = new Map(decisions.map(({ effective, count }) => [effective, count]))
  say(byId('exchanges', HTMLElement), whole(exchangesOpen))
  say(byId('held', HTMLElement), `${bytes(heldBytes)} of ${bytes(budgetBytes)}`)
  byId('held-meter', HTMLMeterElement).value = budgetBytes > 0 ? heldBytes / budgetBytes : 0
  say(byId('lag', HTMLElement), milliseconds(lagMs))
  for (const effective of ['denied', 'redacted', 'released']) {
    say(byId(effective, HTMLElement), whole(counted.get(effective) ?? 0))
  }
}

/** @param {Guardrail[]} guardrails */
function showGuardrails(guardrails) {
  byId('no-guardrails', HTMLElement).hidden = guardrails.length > 0
  byId('guardrail-rows', HTMLElement).replaceChildren(
    ...guardrails.map(({ guardrail, phase, scans, p50Ms, p95Ms, flagged, failures }) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, guardrail),
        element('td', {}, phase),
        element('td', { class: 'number' }, whole(scans)),
        element('td', { class: 'number' }, milliseconds(p50Ms)),
        element('td', { class: 'number' }, milliseconds(p95Ms)),
        element('td', { class: 'number' }, whole(flagged)),
        element(
          'td',
          {},
          failures.map(({ reason, count }) => `${whole(count)} ${reason}`).join(', ') || 'none',
        ),
      ),
    ),
  )
}

/** @param {Record<string, number>} counters */
function showCounters(counters) {
  byId('counters', HTMLElement).replaceChildren(
    ...[...COUNTERS].map(([name, meaning]) =>
      element(
        'div',
        { 'data-zero': counters[name] ? undefined : '' },
        element('dt', {}, meaning),
        element('dd', {}, whole(counters[name] ?? 0)),
      ),
    ),
  )
}

/** @param {Snapshot} snapshot */
function showSnapshot({ version, since, previous, changes, changesLeftOut }) {
  say(byId('version', HTMLElement), version)
  const sinceText = new Date(since).toLocaleString()
  say(
    byId('config-note', HTMLElement),
    previous === undefined
      ? `Version ${version}, in force since ${sinceText}. It has not changed since the start.`
      : `Version ${version}, in force since ${sinceText}. What changed since ${previous}${
          changesLeftOut > 0 ? `, without ${changesLeftOut} more changes` : ''
        }:`,
  )
  byId('changes-box', HTMLElement).hidden = changes.length === 0
  byId('changes', HTMLElement).replaceChildren(
    ...changes.map(({ path, before, after }) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, element('code', {}, path)),
        before === undefined ? element('td', { class: 'dim' }, 'not there') : valueCell('del', before),
        after === undefined ? element('td', { class: 'dim' }, 'not there') : valueCell('ins', after),
      ),
    ),
  )
}

/**
 * @param {'del' | 'ins'} tag
 * @param {string} value
 */
function valueCell(tag, value) {
  return element('td', {}, element(tag, {}, element('code', {}, value)))
}
