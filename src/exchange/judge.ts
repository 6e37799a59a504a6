import type { FailureReason, ScanSubject } from '../guardrail/guardrail.ts'
import type { TextSegment } from '../llm/format.ts'
import { type Decision, decide, onlyWatches, type RuleOutcome, stricter } from '../policy/decide.ts'
import { type Name, plainName } from '../policy/placeholder.ts'
import type { Rule } from '../policy/policy.ts'
import { inOriginal, type Replacement, redactionsBySegment, redactSegments } from '../policy/redact.ts'
import { viewed } from '../policy/view.ts'
import type { ScanLifetime } from './events.ts'
import { readable } from './unescape.ts'
import { Watched } from './watched.ts'

/**
 * Opens a stage: its scans' outcomes count together, so that the first that is final for one of them ends all. Opens
 * its scans one by one, all in the same turn.
 */
export type OpenStage = () => OpenScan

/** Opens a scan; `onEnd` gets exactly one outcome per rule, in order, unless the call ends before. */
export type OpenScan = (
  rules: readonly Rule[],
  subject: ScanSubject,
  lifetime: ScanLifetime,
  onEnd: (outcomes: readonly RuleOutcome[]) => void,
) => void

/** What the rules of one side came to over one set of texts. */
export interface Judged {
  /** Redactions are places of the texts as they came. */
  readonly decision: Decision
  readonly outcomes: readonly RuleOutcome[]
  /** What takes the place of what was found, by segment. */
  readonly replacements: Replacements
  /** The subject's texts with every redaction made; the same objects where nothing changed. */
  readonly segments: readonly TextSegment[]
  /** Rules that only watch have no outcome yet: `whenAllKnown` waits for them. */
  readonly watched: readonly Watched[]
}

type Replacements = ReadonlyMap<number, readonly Replacement[]>

/** One stage: all of its rules look at the same texts. */
interface Stage {
  readonly decision: Decision
  readonly outcomes: readonly RuleOutcome[]
}

/**
 * Has the texts judged by local rules first, and by remote ones, in parallel, only when those did not deny. Remote
 * guardrails see what local ones left after redaction. Nobody waits for remote rules that can change nothing. `name`
 * says what takes the place of what was found.
 */
export function judge(
  openStage: OpenStage,
  rules: readonly Rule[],
  subject: ScanSubject,
  lifetime: ScanLifetime,
  done: (judged: Judged) => void,
  name: Name = plainName,
): void {
  const { local, remote, watching, guarding } = sortsOf(rules)
  const { segments } = subject
  const replace = ({ decision }: Stage): Replacements =>
    decision.kind === 'redact' ? redactionsBySegment(segments, decision.redactions, name) : NOTHING
  judgeStage(openStage(), local, subject, lifetime, first => {
    if (first.decision.kind === 'deny') {
      done({ ...first, replacements: NOTHING, segments, watched: [] })
      return
    }
    const replaced = replace(first)
    const left = replaced === NOTHING ? segments : redactSegments(segments, replaced)
    if (remote.length === 0) {
      done({ ...first, replacements: replaced, segments: left, watched: [] })
      return
    }
    // Of a shadow scan nobody waits for anything.
    const isWaitedFor = lifetime === 'call'
    const watched = isWaitedFor && watching.length > 0 ? [new Watched()] : []
    for (const watch of watched) {
      judgeStage(openStage(), watching, { ...subject, segments: left }, 'shadow', stage =>
        watch.settle(stage.outcomes),
      )
    }
    const asked = isWaitedFor ? guarding : remote
    judgeStage(openStage(), asked, { ...subject, segments: left }, lifetime, second => {
      const both: Stage = {
        decision: stricter(first.decision, asOriginal(replaced, second.decision)),
        outcomes: [...first.outcomes, ...second.outcomes],
      }
      const replacements = second.decision.kind === 'redact' ? replace(both) : replaced
      done({ ...both, replacements, segments: redactSegments(segments, replacements), watched })
    })
  })
}

/** The rules of one side by what judging asks of them. */
interface Sorts {
  readonly local: readonly Rule[]
  readonly remote: readonly Rule[]
  /** Of the remote ones, those that can change nothing, and the others. */
  readonly watching: readonly Rule[]
  readonly guarding: readonly Rule[]
}

/** Policies do not change: their rules are sorted once. */
const sorted = new WeakMap<readonly Rule[], Sorts>()

function sortsOf(rules: readonly Rule[]): Sorts {
  const known = sorted.get(rules)
  if (known !== undefined) return known
  const local = rules.filter(rule => rule.guardrail.locality === 'local')
  const remote = rules.filter(rule => rule.guardrail.locality === 'remote')
  const watching = remote.filter(onlyWatches)
  const guarding = remote.filter(rule => !watching.includes(rule))
  const sorts = { local, remote, watching, guarding }
  sorted.set(rules, sorts)
  return sorts
}

const NOTHING: Replacements = new Map()

/** The second stage looked at what the first had left. */
function asOriginal(replaced: Replacements, decision: Decision): Decision {
  if (decision.kind !== 'redact') return decision
  const redactions = decision.redactions.map(one => inOriginal(one, replaced.get(one.span.segment) ?? []))
  return { kind: 'redact', redactions }
}

function judgeStage(
  openScan: OpenScan,
  rules: readonly Rule[],
  subject: ScanSubject,
  lifetime: ScanLifetime,
  done: (stage: Stage) => void,
): void {
  const { subject: read, inSource } = readable(subject)
  const looks = looksOf(rules, read)
  const outcomes: (readonly RuleOutcome[])[] = []
  let left = looks.length
  const settle = (): void => {
    const all = outcomes.length === 1 ? outcomes[0]! : outcomes.flat()
    done({ decision: decide(all), outcomes: all })
  }
  if (left === 0) settle()
  for (const [index, { rules: looking, subject: seen, places }] of looks.entries()) {
    openScan(looking, seen, lifetime, found => {
      const among = places === undefined ? found : found.map(one => placed(one, places))
      outcomes[index] = among.map(inSource)
      left -= 1
      if (left === 0) settle()
    })
  }
}

/** Rules that look at the same texts. `places`: where these stand among all texts; undefined when they are all. */
interface Look {
  readonly rules: readonly Rule[]
  readonly subject: ScanSubject
  readonly places: readonly number[] | undefined
}

/** A rule whose view shows nothing has nothing to say. */
function looksOf(rules: readonly Rule[], subject: ScanSubject): readonly Look[] {
  if (subject.side === 'output') return outputLooks(rules, subject)
  if (rules.every(({ view }) => view === undefined))
    return rules.length === 0 ? [] : [{ rules, subject, places: undefined }]
  const whole = rules.filter(({ view }) => view === undefined)
  const narrow = rules.flatMap((rule): Look[] => {
    if (rule.view === undefined) return []
    const places = viewed(subject.segments, rule.view)
    const segments = places.map(place => subject.segments[place]!)
    return places.length === 0 ? [] : [{ rules: [rule], subject: { ...subject, segments }, places }]
  })
  return whole.length === 0 ? narrow : [{ rules: whole, subject, places: undefined }, ...narrow]
}

/** An answer is judged whole; what was asked is for those rules only that want to see it. */
function outputLooks(
  rules: readonly Rule[],
  subject: Extract<ScanSubject, { side: 'output' }>,
): readonly Look[] {
  if (rules.every(({ outputContext }) => outputContext === undefined))
    return rules.length === 0 ? [] : [{ rules, subject: { ...subject, conversation: [] }, places: undefined }]
  const apart = rules.filter(({ outputContext }) => outputContext === undefined)
  const beside = rules.filter(({ outputContext }) => outputContext === 'conversation')
  const looks: Look[] = [
    { rules: apart, subject: { ...subject, conversation: [] }, places: undefined },
    { rules: beside, subject, places: undefined },
  ]
  return looks.filter(look => look.rules.length > 0)
}

/** The outcome with the places of its findings among all texts. */
function placed({ rule, outcome }: RuleOutcome, places: readonly number[]): RuleOutcome {
  if (outcome.kind === 'failure' || outcome.verdict.kind === 'clean') return { rule, outcome }
  const findings = outcome.verdict.findings.map(finding =>
    finding.span === undefined
      ? finding
      : { ...finding, span: { ...finding.span, segment: places[finding.span.segment]! } },
  )
  return { rule, outcome: { ...outcome, verdict: { ...outcome.verdict, findings } } }
}

/** The body or what carries it is at fault: one failure of every rule. */
export function judgeFault(rules: readonly Rule[], reason: FailureReason): Judged {
  const outcomes = rules.map(rule => ({
    rule,
    outcome: { kind: 'failure' as const, reason, ms: 0 },
    bodyFault: reason,
  }))
  return { decision: decide(outcomes), outcomes, replacements: NOTHING, segments: [], watched: [] }
}

/** Calls back, now or later, when the rules that only watch have their outcomes as well: for what is recorded. */
export function whenAllKnown(judged: Judged, then: (judged: Judged) => void): void {
  const [next, ...rest] = judged.watched
  if (next === undefined) then(judged)
  else {
    next.whenKnown(outcomes =>
      whenAllKnown(
        {
          ...judged,
          decision: stricter(judged.decision, decide(outcomes)),
          outcomes: [...judged.outcomes, ...outcomes],
          watched: rest,
        },
        then,
      ),
    )
  }
}
