import { performance } from 'node:perf_hooks'
import { type Judged, judge, judgeFault, type OpenStage } from '../exchange/judge.ts'
import { type Because, type DecisionRecord, judgedRules } from '../exchange/record.ts'
import { readEventStream } from '../exchange/stream-text.ts'
import { runStage } from '../guardrail/run-stage.ts'
import { detectFormat, detectResponseFormat } from '../llm/detect.ts'
import type { Completion, Decoded, LlmFormat, LlmRequest, RequestPlace, TextSegment } from '../llm/format.ts'
import { isFinal } from '../policy/decide.ts'
import type { Policy, PolicySet, Rule } from '../policy/policy.ts'

/** One body, and what its headers would have said. */
export interface ScanTask {
  readonly side: 'input' | 'output'
  readonly policy: Policy
  readonly body: Uint8Array
  /** Undefined for a response whose request is not known. */
  readonly place: RequestPlace | undefined
  readonly contentType: string | undefined
  /** Paths of the operator's own; none when absent. */
  readonly formats?: PolicySet['formats']
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
  /** Why the body could not be judged by its texts. */
  readonly fault: 'over-limit' | 'undecodable' | undefined
}

/** Judges a body as serving it would: the same formats, rules and truth table. */
export async function scanBody(task: ScanTask): Promise<ScanReport> {
  return (await examineBody(task)).report
}

/** The same, with what was read and what each rule came to. */
export async function examineBody(task: ScanTask): Promise<Examination> {
  const { side, policy, body } = task
  const rules = side === 'input' ? [...policy.inputRules, ...policy.parallelRules] : policy.outputRules
  const { maxRequestBytes, maxResponseBytes } = policy.limits
  const read = readerFor(task)
  const reader = read === 'undecodable' ? undefined : read
  const examined = (
    decision: ScanReport['decision'],
    because: Because,
    rest: Partial<ScanReport> = {},
    more: Partial<Examination> = {},
  ): Examination => ({
    report: {
      decision,
      because,
      side,
      policy: policy.name,
      format: reader?.format.name,
      rules: [],
      redactions: [],
      uninspectable: 0,
      ...rest,
    },
    format: reader?.format,
    shape: reader?.shape ?? 'json',
    request: undefined,
    segments: [],
    judged: undefined,
    fault: undefined,
    ...more,
  })
  const byFailMode = (rest: Partial<ScanReport>, more?: Partial<Examination>) =>
    examined(policy.failMode === 'error' ? 'deny' : 'release', 'unsupported', rest, more)
  const fault = (reason: 'over-limit' | 'undecodable') => {
    const judged = judgeFault(rules, reason)
    return examined(judged.decision.kind, becauseOf(judged), reportedRules(judged), { judged, fault: reason })
  }

  if (rules.length === 0) return examined('release', 'clean')
  if (body.byteLength > (side === 'input' ? maxRequestBytes : maxResponseBytes)) return fault('over-limit')
  if (read === undefined) return byFailMode({})
  if (read === 'undecodable') return fault('undecodable')
  const decoded = read.decode()
  if (decoded.kind === 'undecodable') return fault('undecodable')
  const { segments, uninspectable } = decoded.value
  const request = 'streams' in decoded.value ? decoded.value : undefined
  if (uninspectable > 0 && policy.uninspectable === 'deny') {
    return examined('deny', 'uninspectable', { uninspectable }, { request, segments })
  }
  // An answer may be empty; a request without any text has nothing that was looked at.
  if (segments.length === 0 && side === 'output' && uninspectable === 0) return examined('release', 'clean')
  if (segments.length === 0) return byFailMode({ uninspectable }, { request })
  const judged = await judgeTexts(side, rules, segments)
  const report = {
    ...reportedRules(judged),
    redactions: redactionsOf(judged, segments),
    uninspectable,
  }
  return examined(judged.decision.kind, becauseOf(judged), report, { request, segments, judged })
}

interface Reader {
  readonly format: LlmFormat
  readonly shape: 'json' | 'event-stream'
  decode(): Decoded<LlmRequest | Completion>
}

/** How the body is read; undefined when no format takes it. */
function readerFor({
  side,
  place,
  contentType,
  body,
  formats = [],
}: ScanTask): Reader | 'undecodable' | undefined {
  const claimed = place === undefined ? undefined : detectFormat(place, formats)
  if (side === 'input') {
    return (
      claimed && place && { format: claimed, shape: 'json', decode: () => claimed.decodeRequest(body, place) }
    )
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
    shape,
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
