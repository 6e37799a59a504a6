import { styleText } from 'node:util'
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

/** One line: when, what reached whom and why, where, and which guardrails had something to say. */
export function showLogLine(line: LogLine, style: Style): string {
  const styled = (format: Format, text: string): string =>
    style === 'coloured' ? styleText(format, text, { validateStream: false }) : text
  if (line.kind === 'note') {
    const { time, level, msg, exchangeId } = line.note
    const what = styled(level === 'error' ? 'red' : 'yellow', printable(msg))
    const facts = noteFacts(line.note).map(fact => printable(fact))
    const where = exchangeId === undefined ? '' : `  ${styled('dim', printable(exchangeId))}`
    return `${styled('dim', clock(time))} ${what}${facts.length === 0 ? '' : `: ${facts.join('; ')}`}${where}`
  }
  const { time, effective, because, phase, policy = '-', format = '-', rules, ms, exchangeId } = line.decision
  const what = styled(colourOf(line.decision), printable(effective).padEnd(9))
  const where = `${phase.padEnd(8)} ${printable(policy).padEnd(12)} ${printable(format).padEnd(18)}`
  const said = rules.map(ruleText).filter(text => text !== '')
  const why = [printable(because), ...said].join('; ')
  const end = styled('dim', `${ms.toFixed(1)} ms ${printable(exchangeId)}`)
  return `${styled('dim', clock(time))} ${what} ${where} ${why}  ${end}`
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

function ruleText({
  guardrail,
  action,
  outcome,
  reason,
  detectors,
  would,
  ms,
}: DecisionLine['rules'][number]): string {
  if (outcome === 'clean') return ''
  const found = outcome === 'failure' ? `failed, ${reason ?? 'unknown'}` : detectors.join(', ')
  const took = ms >= 1 ? ` in ${Math.round(ms)} ms` : ''
  const shadows = SETTINGS.flatMap(setting => {
    const word = would?.[setting]
    return word === undefined ? [] : [`${word} ${SETTING_WORDS[setting]}`]
  })
  const shadow = shadows.length === 0 ? '' : ` (would be ${shadows.join(', ')})`
  return printable(`${guardrail} (${action}): ${found}${took}${shadow}`)
}

type Setting = keyof typeof SETTING_WORDS

const SETTING_WORDS = {
  enforced: 'if enforced',
  block: 'by block',
  redact: 'by redact',
  fail_closed: 'without fail_open',
} as const

const SETTINGS = ['enforced', 'block', 'redact', 'fail_closed'] as const satisfies readonly Setting[]

function colourOf({ effective, because }: DecisionLine): Format {
  if (effective === 'denied') return 'red'
  if (effective === 'redacted') return 'cyan'
  if (because === 'alerted' || because === 'failed-open' || because === 'unsupported') return 'yellow'
  return 'green'
}

function clock(time: string): string {
  return /T(\d\d:\d\d:\d\d\.\d{3})/.exec(time)?.[1] ?? printable(time)
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
        return `; ${SETTING_WORDS[setting]} ${words.join(' and ')}`
      }),
    ]
    return `${total} ${total === 1 ? 'decision' : 'decisions'}${parts.join('')}`
  }
}
