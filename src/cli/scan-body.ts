import { performance } from 'node:perf_hooks'
import { type Judged, judge, judgeFault, type OpenStage } from '../exchange/judge.ts'
import { type Because, type DecisionRecord, judgedRules } from '../exchange/record.ts'
import { readEventStream } from '../exchange/stream-text.ts'
import type { FailureReason } from '../guardrail/guardrail.ts'
import { runStage } from '../guardrail/run-stage.ts'
import { detectFormat, detectResponseFormat } from '../llm/detect.ts'
import type { Decoded, LlmFormat, RequestPlace, TextSegment } from '../llm/format.ts'
import { isFinal } from '../policy/decide.ts'
import type { Policy, Rule } from '../policy/policy.ts'

/** One body from disk, and what its headers would have said. */
export interface ScanTask {
  readonly side: 'input' | 'output'
  readonly policy: Policy
  readonly body: Uint8Array
  /** Undefined for a response whose request is not known. */
  readonly place: RequestPlace | undefined
  readonly contentType: string | undefined
}

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

/** A body with what a guardrail sees of it. */
interface Texts {
  readonly segments: readonly TextSegment[]
  readonly uninspectable: number
}

/** Judges a body as serving it would: the same formats, rules and truth table. */
export async function scanBody(task: ScanTask): Promise<ScanReport> {
  const { side, policy, body } = task
  const rules = side === 'input' ? [...policy.inputRules, ...policy.parallelRules] : policy.outputRules
  const { maxRequestBytes, maxResponseBytes } = policy.limits
  const read = readerFor(task)
  const format = read === 'undecodable' ? undefined : read?.format.name
  const report = (decision: ScanReport['decision'], because: Because, rest: Partial<ScanReport> = {}) => ({
    decision,
    because,
    side,
    policy: policy.name,
    format,
    rules: [],
    redactions: [],
    uninspectable: 0,
    ...rest,
  })
  const byFailMode = (rest: Partial<ScanReport>) =>
    report(policy.failMode === 'error' ? 'deny' : 'release', 'unsupported', rest)
  const fault = (reason: FailureReason) => {
    const judged = judgeFault(rules, reason)
    return report(judged.decision.kind, becauseOf(judged), reportedRules(judged))
  }

  if (rules.length === 0) return report('release', 'clean')
  if (body.byteLength > (side === 'input' ? maxRequestBytes : maxResponseBytes)) return fault('over-limit')
  if (read === undefined) return byFailMode({})
  if (read === 'undecodable') return fault('undecodable')
  const decoded = read.decode()
  if (decoded.kind === 'undecodable') return fault('undecodable')
  const { segments, uninspectable } = decoded.value
  if (uninspectable > 0 && policy.uninspectable === 'deny') {
    return report('deny', 'uninspectable', { uninspectable })
  }
  // An answer may be empty; a request without any text has nothing that was looked at.
  if (segments.length === 0 && side === 'output' && uninspectable === 0) return report('release', 'clean')
  if (segments.length === 0) return byFailMode({ uninspectable })
  const judged = await judgeTexts(side, rules, segments)
  return report(judged.decision.kind, becauseOf(judged), {
    ...reportedRules(judged),
    redactions: redactionsOf(judged, segments),
    uninspectable,
  })
}

interface Reader {
  readonly format: LlmFormat
  decode(): Decoded<Texts>
}

/** How the body is read; undefined when no format takes it. */
function readerFor({ side, place, contentType, body }: ScanTask): Reader | 'undecodable' | undefined {
  const claimed = place === undefined ? undefined : detectFormat(place)
  if (side === 'input') {
    return claimed && place && { format: claimed, decode: () => claimed.decodeRequest(body, place) }
  }
  if (claimed !== undefined) {
    const shape = claimed.shapeOf(contentType, body)
    if (shape === 'opaque') return undefined
    return responseReader(claimed, shape === 'event-stream' ? shape : 'json', body, contentType)
  }
  const found =
    place === undefined ? detectResponseFormat(contentType, body, 'whole') : { kind: 'none' as const }
  if (found.kind === 'undecodable') return 'undecodable'
  return found.kind === 'format' ? responseReader(found.format, found.shape, body, contentType) : undefined
}

function responseReader(
  format: LlmFormat,
  shape: 'json' | 'event-stream',
  body: Uint8Array,
  contentType: string | undefined,
): Reader {
  return {
    format,
    decode: () =>
      shape === 'json' ? format.decodeResponse(body, contentType) : readEventStream(format, [body]),
  }
}

function judgeTexts(
  side: ScanTask['side'],
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
