import { stripVTControlCharacters, styleText } from 'node:util'
import { z } from 'zod'

/** Decisions as people read them, made from the lines of the log. */

const shadowSchema = z.partialRecord(
  z.enum(['block', 'redact', 'fail_closed', 'enforced']),
  z.enum(['redacted', 'denied']),
)

const ruleSchema = z.object({
  guardrail: z.string(),
  action: z.string(),
  outcome: z.enum(['clean', 'flagged', 'failure']),
  reason: z.string().optional(),
  would: shadowSchema.optional(),
  detectors: z.array(z.string()),
  ms: z.number(),
})

const decisionSchema = z.object({
  msg: z.literal('decision'),
  time: z.string(),
  exchangeId: z.string(),
  policy: z.string().optional(),
  phase: z.enum(['request', 'response']),
  format: z.string().optional(),
  effective: z.string(),
  because: z.string(),
  rules: z.array(ruleSchema),
  would: shadowSchema.optional(),
  ms: z.number(),
})

const noteSchema = z.object({
  level: z.enum(['warn', 'error']),
  time: z.string(),
  msg: z.string(),
  exchangeId: optionally(z.string()),
  worker: optionally(z.number()),
  policy: optionally(z.string()),
  guardrail: optionally(z.string()),
  signal: optionally(z.string()),
  code: optionally(z.number()),
  status: optionally(z.number()),
  why: optionally(z.string()),
  cause: optionally(z.string()),
  warning: optionally(z.string()),
  problems: optionally(z.array(z.string())),
  atNextStart: optionally(z.array(z.string())),
})

/** A note is shown whatever one of its facts looks like. */
function optionally<T extends z.ZodType>(schema: T) {
  return schema.optional().catch(undefined)
}

/** A line of the log that says what was decided. */
export type DecisionLine = z.output<typeof decisionSchema>

type Note = z.output<typeof noteSchema>

/** What a line of the log is to a reader; the rest is for machines. */
export type LogLine =
  | { readonly kind: 'decision'; readonly decision: DecisionLine }
  /** Something beside the traffic that an operator should see. */
  | { readonly kind: 'note'; readonly note: Note }

/** Undefined for what is no line of Weir's log, or says nothing of its own. What stands before the JSON is skipped. */
export function readLogLine(line: string): LogLine | undefined {
  const start = line.indexOf('{')
  const value = start === -1 ? undefined : parsed(line.slice(start))
  const decision = decisionSchema.safeParse(value)
  if (decision.success) return { kind: 'decision', decision: decision.data }
  const note = noteSchema.safeParse(value)
  // Of a guardrail that flagged or failed the decision tells already.
  if (!note.success || TOLD_BY_DECISION.has(note.data.msg)) return undefined
  return { kind: 'note', note: note.data }
}

const TOLD_BY_DECISION: ReadonlySet<string> = new Set(['flagged', 'guardrail failed', 'decision'])

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether a line is styled for a terminal. */
export type Style = 'plain' | 'coloured'

type Format = Parameters<typeof styleText>[0]

/** From so many columns on there is room for a line with its blanks. */
const WIDE_COLUMNS = 110

/** The first digits of an exchange's id: enough to find it by. */
const SHORT_ID = 8

/** Where what does not fit into a line goes on: behind the time. `columns`: of the terminal, undefined where there is none. */
export function indentOf(columns: number | undefined): number {
  return clock('T00:00:00.000', columns).length + 1
}

/**
 * One line: when, what reached whom and why, where, and which guardrails had something to say. Of what would not fit
 * into `columns` the least of it goes first; a line that does not fit without that either has all of it.
 */
export function showLogLine(line: LogLine, style: Style, columns?: number): string {
  const styled: Styled = (format, text) =>
    style === 'coloured' ? styleText(format, text, { validateStream: false }) : text
  return line.kind === 'note'
    ? noteLine(line.note, styled, columns)
    : decisionLine(line.decision, styled, columns)
}

type Styled = (format: Format, text: string) => string

function noteLine(note: Note, styled: Styled, columns: number | undefined): string {
  const { time, level, msg, exchangeId } = note
  const what = styled(level === 'error' ? 'red' : 'yellow', printable(msg))
  const facts = noteFacts(note).map(fact => printable(fact))
  const where = exchangeId === undefined ? '' : `  ${styled('dim', printable(exchangeId))}`
  const about = facts.length === 0 ? '' : `: ${facts.join('; ')}`
  return `${styled('dim', clock(time, columns))} ${what}${about}${where}`
}

function decisionLine(decision: DecisionLine, styled: Styled, columns: number | undefined): string {
  const { time, effective, because, phase, policy = '-', format = '-', rules, ms } = decision
  const isWide = isWideEnough(columns)
  const id = printable(decision.exchangeId)
  const [policyColumns, formatColumns] = isWide ? [12, 18] : [0, 0]
  const what = styled(colourOf(decision), printable(effective).padEnd(9))
  const where = [
    phase.padEnd(8),
    printable(policy).padEnd(policyColumns),
    printable(format).padEnd(formatColumns),
  ]
  const begin = `${styled('dim', clock(time, columns))} ${what} ${where.join(' ')}`
  const ended = (why: string, ...ends: readonly string[]): string =>
    `${begin} ${why}  ${styled('dim', ends.join(' '))}`
  const said = rules.flatMap(rule => ruleText(rule, 'whole'))
  const shortly = rules.flatMap(rule => ruleText(rule, 'short'))
  const why = [printable(because), ...said].join('; ')
  const took = `${ms.toFixed(1)} ms`
  const short = id.slice(0, SHORT_ID)
  // What the rules say has the reason in it.
  const shortWhy = shortly.length === 0 ? printable(because) : shortly.join('; ')
  const whole = ended(why, took, isWide ? id : short)
  const ways = [whole, ended(why, took, short), ended(shortWhy, took, short), ended(shortWhy, short)]
  return ways.find(way => columns === undefined || widthOf(way) <= columns) ?? whole
}

function isWideEnough(columns: number | undefined): boolean {
  return columns === undefined || columns >= WIDE_COLUMNS
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}

/** These facts and no others: what else a line holds, such as an error's message, may quote what it was about. */
function noteFacts(note: Note): readonly string[] {
  const { why, cause, warning, problems = [], atNextStart = [] } = note
  const named = (['worker', 'policy', 'guardrail', 'signal', 'code', 'status'] as const).flatMap(name => {
    const value = note[name]
    return value === undefined ? [] : [`${name} ${value}`]
  })
  const said = [why, cause, warning].filter(text => text !== undefined)
  return [...named, ...said, ...problems, ...atNextStart]
}

/** Nothing of a guardrail that found nothing. `short`: without its time, and without the action that most rules have. */
function ruleText(
  { guardrail, action, outcome, reason, detectors, would, ms }: DecisionLine['rules'][number],
  form: 'whole' | 'short',
): readonly string[] {
  if (outcome === 'clean') return []
  const found = outcome === 'failure' ? `failed, ${reason ?? 'unknown'}` : detectors.join(', ')
  const took = form === 'whole' && ms >= 1 ? ` in ${Math.round(ms)} ms` : ''
  const shadows = SETTINGS.flatMap(setting => {
    const word = would?.[setting]
    return word === undefined ? [] : [`${word} ${IF_RULE[setting]}`]
  })
  const shadow = shadows.length === 0 ? '' : ` (would be ${shadows.join(', ')})`
  const how = form === 'short' && action === 'block' ? '' : ` (${action})`
  return [printable(`${guardrail}${how}: ${found}${took}${shadow}`)]
}

type Setting = keyof typeof IF_RULE

/** How a rule would have to be set, in the few words that a line has room for. */
const IF_RULE = {
  enforced: 'if enforced',
  block: 'if block',
  redact: 'if redact',
  fail_closed: 'if not fail_open',
} as const

/** The same of all rules, in the words of the config. */
const IF_ALL_RULES: Readonly<Record<Setting, string>> = {
  enforced: 'if Envoy did not run the filter in observability_mode',
  block: 'if alert rules had action block',
  redact: 'if alert rules had action redact',
  fail_closed: 'if rules had fail_open false',
}

const SETTINGS = ['enforced', 'block', 'redact', 'fail_closed'] as const satisfies readonly Setting[]

function colourOf({ effective, because }: DecisionLine): Format {
  if (effective === 'denied') return 'red'
  if (effective === 'redacted') return 'cyan'
  if (because === 'alerted' || because === 'failed-open' || because === 'unsupported') return 'yellow'
  return 'green'
}

/** To the millisecond where there is room. */
function clock(time: string, columns: number | undefined): string {
  const [, seconds, fraction = ''] = /T(\d\d:\d\d:\d\d)(\.\d{3})/.exec(time) ?? []
  if (seconds === undefined) return printable(time)
  return isWideEnough(columns) ? seconds + fraction : seconds
}

/** Names come from configs and from guard services: none may move the cursor of whoever watches. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029]/gu, '\ufffd')
}

/** What decisions came to in all. */
export class DecisionTotals {
  readonly #effective = new Map<string, number>()
  /** Alerts that would have been denials or redactions. */
  #alerted = 0
  #failed = 0
  readonly #shadow = new Map<Setting, Map<string, number>>()

  add({ effective, because, rules, would }: DecisionLine): void {
    this.#effective.set(effective, (this.#effective.get(effective) ?? 0) + 1)
    if (because === 'alerted') this.#alerted += 1
    if (rules.some(({ outcome }) => outcome === 'failure')) this.#failed += 1
    for (const setting of SETTINGS) {
      const word = would?.[setting]
      if (word === undefined) continue
      const counts = this.#shadow.get(setting) ?? new Map<string, number>()
      counts.set(word, (counts.get(word) ?? 0) + 1)
      this.#shadow.set(setting, counts)
    }
  }

  /** One line. */
  show(): string {
    const counts = [...this.#effective].sort().map(([effective, count]) => `${count} ${printable(effective)}`)
    const total = [...this.#effective.values()].reduce((sum, count) => sum + count, 0)
    const parts = [
      counts.length === 0 ? '' : `: ${counts.join(', ')}`,
      this.#alerted === 0 ? '' : `; ${this.#alerted} passed that alert rules flagged`,
      this.#failed === 0 ? '' : `; in ${this.#failed} a guardrail failed`,
      ...[...this.#shadow].map(([setting, counts]) => {
        const words = [...counts].sort().map(([word, count]) => `${count} more would be ${word}`)
        return `; ${words.join(' and ')} ${IF_ALL_RULES[setting]}`
      }),
    ]
    return `${total} ${total === 1 ? 'decision' : 'decisions'}${parts.join('')}`
  }
}
