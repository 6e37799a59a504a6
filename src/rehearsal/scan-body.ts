import { performance } from 'node:perf_hooks'
import { assertNever } from '../errors.ts'
import { type Judged, judge, judgeFault, type OpenStage } from '../exchange/judge.ts'
import type { FaultStatus } from '../exchange/local-reply.ts'
import { type Because, type DecisionRecord, judgedRules } from '../exchange/record.ts'
import type { FailureReason } from '../guardrail/guardrail.ts'
import { runStage } from '../guardrail/run-stage.ts'
import type { LlmFormat, LlmRequest, TextSegment } from '../llm/format.ts'
import { isFinal } from '../policy/decide.ts'
import { readingRules, requestRules } from '../policy/needs.ts'
import type { Rule } from '../policy/policy.ts'
import { type BodyTexts, type BodyToRead, maxBytesOf, readerOf } from './read-body.ts'

/** What serving would decide about a body. Categories and places, never text. */
export interface ScanReport {
  readonly decision: 'release' | 'redact' | 'deny'
  readonly because: Because
  readonly side: 'input' | 'output'
  readonly policy: string | undefined
  readonly format: string | undefined
  readonly rules: DecisionRecord['rules']
  /** What would have come of it, had every rule been set otherwise. */
  readonly would?: DecisionRecord['would']
  /** What is wrong with the body, where no guardrail was asked about it. */
  readonly bodyFault?: DecisionRecord['bodyFault']
  /** UTF-16 offsets into the text at `path`; an event stream's texts have no path. */
  readonly redactions: readonly { detector: string; path: string; start: number; end: number }[]
  readonly uninspectable: number
}

/** What came of judging a body, with its texts: for whoever gave them, and nobody else. */
export interface Examination {
  readonly report: ScanReport
  /** Undefined where none takes the body. */
  readonly format: LlmFormat | undefined
  readonly shape: 'json' | 'event-stream'
  /** Undefined for a response, and for what could not be read. */
  readonly request: LlmRequest | undefined
  /** What guardrails saw. */
  readonly segments: readonly TextSegment[]
  /** Undefined where no rule was asked. */
  readonly judged: Judged | undefined
  /** Of the error that a request gets whose body could not be judged by its texts. */
  readonly faultStatus: FaultStatus | undefined
}

/** Judges a body as serving it would: the same reading, rules and truth table. */
export async function scanBody(task: BodyToRead): Promise<ScanReport> {
  return (await examineBody(task)).report
}

/** The same, with what was read and what each rule came to. */
export async function examineBody(task: BodyToRead): Promise<Examination> {
  const { side, policy, body } = task
  const rules = side === 'input' ? requestRules(policy) : policy.outputRules
  const failing = side === 'input' ? readingRules(policy) : policy.outputRules
  const reader = readerOf(task)
  const examined = examinationOf(task, reader)
  const fault = (reason: FailureReason, faultStatus: FaultStatus) => {
    const judged = judgeFault(failing, reason)
    return examined(judged.decision.kind, becauseOf(judged), reportedRules(judged), { judged, faultStatus })
  }
  const byFailMode = (read: Partial<BodyTexts>) =>
    examined(policy.failMode === 'error' ? 'deny' : 'release', 'unsupported', {}, read)

  if (failing.length === 0) return examined('release', 'clean')
  if (body.byteLength > maxBytesOf(task)) return fault('over-limit', 413)
  if (reader === undefined) return byFailMode({})
  if (reader === 'undecodable') return fault('undecodable', 400)
  const read = reader.read()
  switch (read.kind) {
    case 'fault':
      return fault(read.reason, read.status)
    case 'uninspectable':
      return examined('deny', 'uninspectable', {}, read)
    case 'nothing':
      return examined('release', 'clean', {}, read)
    case 'unsupported':
      return byFailMode(read)
    case 'texts': {
      const judged = await judgeTexts(side, rules, read.segments)
      const report = { ...reportedRules(judged), redactions: redactionsOf(judged, read.segments) }
      return examined(judged.decision.kind, becauseOf(judged), report, { ...read, judged })
    }
    default:
      return assertNever(read)
  }
}

type Found = Partial<BodyTexts & Pick<Examination, 'judged' | 'faultStatus'>>

/** Makes the examination of a body by this reader, once it is known what came of it. */
function examinationOf({ side, policy }: BodyToRead, reader: ReturnType<typeof readerOf>) {
  const { format, shape = 'json' } = typeof reader === 'object' ? reader : {}
  return (
    decision: ScanReport['decision'],
    because: Because,
    rest: Partial<ScanReport> = {},
    { request, segments = [], uninspectable = 0, judged, faultStatus }: Found = {},
  ): Examination => ({
    report: {
      decision,
      because,
      side,
      policy: policy.name,
      format: format?.name,
      rules: [],
      redactions: [],
      uninspectable,
      ...rest,
    },
    format,
    shape,
    request,
    segments,
    judged,
    faultStatus,
  })
}

function judgeTexts(
  side: BodyToRead['side'],
  rules: readonly Rule[],
  segments: readonly TextSegment[],
): Promise<Judged> {
  const subject = side === 'input' ? { side, segments } : { side, conversation: [], segments, final: true }
  return new Promise((resolve, reject) => {
    const openStage: OpenStage = () => {
      const stop = new AbortController()
      return (stage, stageSubject, lifetime, onEnd) => {
        runStage({
          guardrails: stage.map(rule => rule.guardrail),
          subject: stageSubject,
          stop,
          clock: () => performance.now(),
          isFinal: (index, outcome) => lifetime === 'call' && isFinal({ rule: stage[index]!, outcome }),
        })
          .then(outcomes => onEnd(outcomes.map((outcome, index) => ({ rule: stage[index]!, outcome }))))
          .catch(reject)
      }
    }
    judge(openStage, rules, subject, 'call', resolve)
  })
}

function reportedRules({ decision, outcomes }: Judged): Pick<ScanReport, 'rules' | 'would' | 'bodyFault'> {
  return judgedRules(outcomes, EFFECTIVE[decision.kind], false)
}

const EFFECTIVE = { release: 'released', redact: 'redacted', deny: 'denied' } as const

function becauseOf({ decision }: Judged): Because {
  return decision.kind === 'redact' ? 'flagged' : decision.because
}

function redactionsOf({ decision }: Judged, segments: readonly TextSegment[]): ScanReport['redactions'] {
  if (decision.kind !== 'redact') return []
  return decision.redactions.map(({ detector, span }) => {
    const path = segments[span.segment]?.path.join('.') ?? ''
    return { detector, path, start: span.start, end: span.end }
  })
}
