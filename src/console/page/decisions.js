import { byId, bytes, element, milliseconds, offer, say, whole } from './dom.js'

/**
 * A line of `/decisions`.
 *
 * @typedef {object} Decision
 * @property {string} level
 * @property {string} time
 * @property {number} [worker]
 * @property {string} exchangeId
 * @property {string} [policy]
 * @property {string} phase
 * @property {string} [format]
 * @property {string} delivery
 * @property {string} effective
 * @property {string} because
 * @property {Rule[]} rules
 * @property {number} uninspectable
 * @property {number} bytesReleased
 * @property {number} bytesDiscarded
 * @property {number} ms
 *
 * @typedef {object} Rule
 * @property {string} guardrail
 * @property {string} action
 * @property {string} outcome
 * @property {string} [reason]
 * @property {string} [detail]
 * @property {string[]} detectors
 * @property {number} [detectorsLeftOut]
 * @property {{ detector: string, detected: boolean, score?: number, level?: string }[]} [breakdown]
 * @property {string} [guardRequestId]
 * @property {Record<string, string>} [would]
 * @property {number} ms
 */

/** Kept and shown at most; the oldest go. */
const MOST = 300
/** A closed feed is asked for again after this. */
const AGAIN_MS = 5000

const COLUMNS = 8
/** @type {Intl.DateTimeFormatOptions} */
const TIME_OF_DAY = {
  hourCycle: 'h23',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
}

/** Shows the decisions as they come. */
export function startDecisions() {
  const rows = byId('rows', HTMLElement)
  const note = byId('feed-note', HTMLElement)
  const pause = byId('pause', HTMLButtonElement)
  const filters = byId('filters', HTMLFormElement)
  const policy = byId('filter-policy', HTMLSelectElement)
  const guardrail = byId('filter-guardrail', HTMLSelectElement)
  const effective = byId('filter-effective', HTMLSelectElement)
  const remarkable = byId('filter-remarkable', HTMLInputElement)
  /** Newest first. @type {Decision[]} */
  let kept = []
  /** Came while paused; newest first. @type {Decision[]} */
  let waiting = []
  let isPaused = false
  let missed = 0
  /** @type {readonly string[]} */
  let known = []

  /** @param {Decision} one */
  const isChosen = one =>
    (policy.value === '' || one.policy === policy.value) &&
    (effective.value === '' || one.effective === effective.value) &&
    (guardrail.value === '' || one.rules.some(rule => rule.guardrail === guardrail.value)) &&
    (!remarkable.checked || one.effective !== 'released' || one.because !== 'clean')

  const told = () => {
    const parts = []
    if (isPaused) parts.push(`paused, ${whole(waiting.length)} waiting`)
    if (missed > 0) parts.push(`${whole(missed)} decisions left out: they came faster than they were read`)
    say(note, parts.join('; '))
    byId('no-rows', HTMLElement).hidden = rows.childElementCount > 0
    say(
      byId('no-rows', HTMLElement),
      kept.length > 0
        ? 'No decision that the filters let through.'
        : 'No decision yet. Send a request through Envoy.',
    )
    offer(policy, [...known, ...kept.flatMap(one => one.policy ?? [])])
    offer(
      guardrail,
      kept.flatMap(one => one.rules.map(rule => rule.guardrail)),
    )
  }

  const showAll = () => {
    rows.replaceChildren(...kept.filter(isChosen).map(rowOf))
    told()
  }

  /** @param {Decision[]} fresh newest first */
  const add = fresh => {
    kept = [...fresh, ...kept].slice(0, MOST)
    rows.prepend(...fresh.slice(0, MOST).filter(isChosen).map(rowOf))
    while (rows.querySelectorAll('tr.decision').length > MOST) rows.lastElementChild?.remove()
    told()
  }

  filters.addEventListener('change', showAll)
  filters.addEventListener('submit', event => event.preventDefault())
  pause.addEventListener('click', () => {
    isPaused = !isPaused
    pause.setAttribute('aria-pressed', String(isPaused))
    say(pause, isPaused ? 'Go on' : 'Pause')
    if (!isPaused) {
      const fresh = waiting
      waiting = []
      add(fresh)
    } else told()
  })

  follow(
    fresh => {
      if (!isPaused) return add(fresh)
      waiting = [...fresh, ...waiting].slice(0, MOST)
      told()
    },
    count => {
      missed += count
      told()
    },
  )
  return {
    /** @param {readonly string[]} policies those of the config */
    offerPolicies(policies) {
      known = policies
      told()
    },
  }
}

/**
 * Follows the feed, and again when it has ended.
 *
 * @param {(fresh: Decision[]) => void} onDecisions newest first, those of one moment together
 * @param {(count: number) => void} onGap
 */
function follow(onDecisions, onGap) {
  /** @type {Decision[]} */
  let fresh = []
  let seen = 0
  const flush = () => {
    const all = fresh
    fresh = []
    onDecisions(all)
  }
  const open = () => {
    const source = new EventSource(`../decisions?last=${seen === 0 ? 100 : 0}`)
    const again = () => {
      source.close()
      setTimeout(open, AGAIN_MS)
    }
    source.addEventListener('decision', event => {
      if (fresh.length === 0) setTimeout(flush, 50)
      fresh.unshift(JSON.parse(event.data))
      seen += 1
    })
    source.addEventListener('gap', event => onGap(JSON.parse(event.data).missed))
    source.addEventListener('end', again)
    source.addEventListener('error', () => {
      // Otherwise the browser connects again by itself, and goes on where it was.
      if (source.readyState === EventSource.CLOSED) again()
    })
  }
  open()
}

/** @param {Decision} one */
function kindOf({ effective, because }) {
  return effective === 'released' && because !== 'clean' ? 'alerted' : effective
}

/**
 * A row that opens to show all of its record.
 *
 * @param {Decision} one
 */
function rowOf(one) {
  const { time, effective, because, phase, policy = '–', format = '–', rules, ms } = one
  const button = element(
    'button',
    { type: 'button', class: 'opener', 'aria-expanded': 'false' },
    new Date(time).toLocaleTimeString([], TIME_OF_DAY),
  )
  const row = element(
    'tr',
    { class: 'decision' },
    element('td', {}, button),
    element('td', {}, element('span', { class: 'badge', 'data-kind': kindOf(one) }, effective)),
    element('td', {}, because),
    element('td', {}, phase),
    element('td', {}, policy),
    element('td', {}, format),
    element('td', {}, rules.map(spoken).filter(Boolean).join('; ') || '–'),
    element('td', { class: 'number' }, milliseconds(ms)),
  )
  /** @type {HTMLElement | undefined} */
  let details
  const toggle = () => {
    if (details === undefined) {
      details = detailsOf(one)
      row.after(details)
    } else {
      details.remove()
      details = undefined
    }
    button.setAttribute('aria-expanded', String(details !== undefined))
  }
  row.addEventListener('click', () => {
    // Who marks text to copy it does not want the row to open.
    if (getSelection()?.isCollapsed !== false) toggle()
  })
  return row
}

/** @param {Rule} rule */
function spoken({ guardrail, outcome, detectors, reason }) {
  if (outcome === 'clean') return ''
  return `${guardrail}: ${outcome === 'failure' ? `failed, ${reason}` : detectors.join(', ')}`
}

/** @param {Decision} one */
function detailsOf(one) {
  const { exchangeId, delivery, bytesReleased, bytesDiscarded, uninspectable, worker, rules } = one
  const facts = [
    ['exchange', exchangeId],
    ['delivery', delivery],
    ['released', bytes(bytesReleased)],
    ['discarded', bytes(bytesDiscarded)],
    ['uninspectable parts', String(uninspectable)],
    ...(worker === undefined ? [] : [['worker', String(worker)]]),
  ]
  return element(
    'tr',
    { class: 'details' },
    element(
      'td',
      { colspan: String(COLUMNS) },
      element(
        'dl',
        { class: 'facts' },
        ...facts.map(([name, value]) =>
          element('div', {}, element('dt', {}, name ?? ''), element('dd', {}, value ?? '')),
        ),
      ),
      rules.length === 0 ? 'No guardrail was asked.' : rulesTable(rules),
    ),
  )
}

/**
 * What each guardrail came to.
 *
 * @param {readonly Rule[]} rules
 */
export function rulesTable(rules) {
  const heads = ['Guardrail', 'Action', 'Outcome', 'Detectors', 'Took']
  return element(
    'table',
    { class: 'rules' },
    element('thead', {}, element('tr', {}, ...heads.map(head => element('th', { scope: 'col' }, head)))),
    element(
      'tbody',
      {},
      ...rules.map(({ guardrail, action, outcome, reason, detail, ms, guardRequestId, would, ...found }) =>
        element(
          'tr',
          {},
          element('th', { scope: 'row' }, guardrail),
          element('td', {}, action),
          element('td', {}, [outcome, reason, detail, ...wouldBe(would)].filter(Boolean).join(', ')),
          element('td', {}, detectorText(found) + (guardRequestId ? ` (check ${guardRequestId})` : '')),
          element('td', {}, milliseconds(ms)),
        ),
      ),
    ),
  )
}

/**
 * What would have reached the client, had the rule been set otherwise.
 *
 * @param {Rule['would']} would by setting
 */
function wouldBe(would = {}) {
  return Object.entries(would).map(([setting, effective]) => `would be ${effective} with ${setting}`)
}

/** @param {Pick<Rule, 'detectors' | 'detectorsLeftOut' | 'breakdown'>} found */
function detectorText({ detectors, detectorsLeftOut = 0, breakdown = [] }) {
  /** @type {NonNullable<Rule['breakdown']>} */
  const told = breakdown.length > 0 ? breakdown : detectors.map(detector => ({ detector, detected: true }))
  const texts = told.map(({ detector, detected, score, level }) =>
    [detector, score?.toFixed(2), level, detected ? '' : '(not detected)'].filter(Boolean).join(' '),
  )
  return [...texts, ...(detectorsLeftOut > 0 ? [`and ${detectorsLeftOut} more`] : [])].join(', ') || '–'
}
