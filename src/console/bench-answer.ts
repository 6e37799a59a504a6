import type { LocalReply } from '../exchange/events.ts'
import type { Judged } from '../exchange/judge.ts'
import {
  denialReply,
  type ExchangeStamp,
  errorReply,
  findingsOf,
  REFUSALS,
  requestFault,
} from '../exchange/local-reply.ts'
import type { RuleRecord } from '../exchange/record.ts'
import type { Finding } from '../guardrail/guardrail.ts'
import type { TextSegment } from '../llm/format.ts'
import { decide, type RuleOutcome } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import { inOriginal, type Replacement, redactionsBySegment } from '../policy/redact.ts'
import { PLAIN } from '../policy/redaction.ts'
import type { Examination, ScanReport } from '../rehearsal/scan-body.ts'

/** Findings in one answer; what goes beyond is told by their number. */
const MAX_FINDINGS = 1000

/** A stretch of a text that a guardrail flagged; UTF-16 offsets, end exclusive. */
export interface ShownFinding {
  readonly guardrail: string
  readonly detector: string
  readonly score?: number
  readonly level?: string
  /** Absent where the guardrail does not tell the place. */
  readonly start?: number
  readonly end?: number
}

/** A text that guardrails saw, with what they found in it. It goes back to who sent it, and nowhere else. */
export interface ShownText {
  readonly role: string
  readonly kind: string
  /** Where it stands in the body; empty in an event stream. */
  readonly path: string
  readonly text: string
  readonly findings: readonly ShownFinding[]
}

/** What a client would get in place of what it waits for, or the upstream in place of what was sent. */
export interface ShownReply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** What serving would decide about a body, and why. */
export interface BenchAnswer extends Omit<ScanReport, 'redactions' | 'policy' | 'format'> {
  readonly policy?: string | undefined
  readonly format?: string | undefined
  readonly rules: readonly RuleRecord[]
  readonly texts: readonly ShownText[]
  /** Findings that tell no place. */
  readonly elsewhere?: readonly ShownFinding[]
  /** Findings that are not shown. */
  readonly findingsLeftOut?: number
  /** The refusal, or the body as it goes on when it was redacted; absent for what goes on as it came. */
  readonly reply?: ShownReply
}

/** The answer to what `examination` found of `body`. */
export function benchAnswer(
  examination: Examination,
  policy: Policy,
  body: string,
  unixSeconds: number,
): BenchAnswer {
  const { redactions: _, ...report } = examination.report
  const { segments, judged } = examination
  const all = judged === undefined ? [] : placedFindings(judged, segments)
  const shown = Map.groupBy(all.slice(0, MAX_FINDINGS), ({ segment }) => segment)
  const findingsAt = (segment: number | undefined): readonly ShownFinding[] =>
    shown.get(segment)?.map(({ finding }) => finding) ?? []
  const reply = replyOf(examination, policy, body, stampOf(unixSeconds))
  return {
    ...report,
    texts: segments.map(({ role, kind, path, text }, index) => ({
      role,
      kind,
      path: path.join('.'),
      text,
      findings: findingsAt(index),
    })),
    elsewhere: findingsAt(undefined),
    findingsLeftOut: Math.max(0, all.length - MAX_FINDINGS),
    ...(reply !== undefined && { reply }),
  }
}

export function stampOf(unixSeconds: number): ExchangeStamp {
  return { id: '0'.repeat(32), startedAtSec: unixSeconds }
}

export function shownReply({ status, headers, body }: LocalReply): ShownReply {
  return { status, headers, body: new TextDecoder().decode(body) }
}

interface Placed {
  readonly segment: number | undefined
  readonly finding: ShownFinding
}

/** Remote guardrails saw what local ones left: their places are put back into the texts as they came. */
function placedFindings(judged: Judged, segments: readonly TextSegment[]): readonly Placed[] {
  const local = decide(judged.outcomes.filter(({ rule }) => rule.guardrail.locality === 'local'))
  const replaced = local.kind === 'redact' ? redactionsBySegment(segments, local.redactions) : new Map()
  return judged.outcomes.flatMap(({ rule, outcome }) =>
    flagged({ rule, outcome }).map(finding =>
      placed(finding, rule.guardrail.name, rule.guardrail.locality === 'local' ? new Map() : replaced),
    ),
  )
}

function flagged({ outcome }: RuleOutcome): readonly Finding[] {
  return outcome.kind === 'verdict' && outcome.verdict.kind === 'flagged' ? outcome.verdict.findings : []
}

function placed(
  { span, ...finding }: Finding,
  guardrail: string,
  replaced: ReadonlyMap<number, readonly Replacement[]>,
): Placed {
  const shown = { guardrail, ...finding }
  if (span === undefined) return { segment: undefined, finding: shown }
  const redaction = { span, detector: finding.detector, style: PLAIN }
  const { start, end } = inOriginal(redaction, replaced.get(span.segment) ?? []).span
  return { segment: span.segment, finding: { ...shown, start, end } }
}

function replyOf(
  examination: Examination,
  policy: Policy,
  body: string,
  stamp: ExchangeStamp,
): ShownReply | undefined {
  switch (examination.report.decision) {
    case 'release':
      return undefined
    case 'redact':
      return redactedReply(examination, body)
    case 'deny':
      return shownReply(denied(examination, policy, stamp))
    default:
      return examination.report.decision satisfies never
  }
}

/** An event stream is rewritten frame by frame as it passes: its body as a whole is nothing that Weir ever has. */
function redactedReply(
  { format, shape, segments, judged }: Examination,
  body: string,
): ShownReply | undefined {
  if (format === undefined || judged === undefined || shape === 'event-stream') return undefined
  const edits = judged.segments.filter((segment, index) => segment !== segments[index])
  return { body: new TextDecoder().decode(format.rewrite(new TextEncoder().encode(body), edits)) }
}

function denied(
  { report, format, shape, request, judged, faultStatus }: Examination,
  policy: Policy,
  stamp: ExchangeStamp,
): LocalReply {
  const { because } = report
  const side = report.side === 'input' ? 'request' : 'response'
  const denial = { side, because, findings: findingsOf(judged?.outcomes ?? []) } as const
  if (because === 'unsupported' || format === undefined) {
    return errorReply(REFUSALS.unsupported, denial, format, policy, stamp, request)
  }
  if (faultStatus !== undefined && side === 'request') {
    return errorReply(requestFault(faultStatus), denial, format, policy, stamp, request)
  }
  const streams = side === 'request' ? request?.streams === true : shape === 'event-stream'
  return denialReply(denial, policy, format, stamp, request, streams ? 'event-stream' : 'json')
}
