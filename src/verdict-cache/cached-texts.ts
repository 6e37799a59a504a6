import type { Finding, RemoteGuardrail, ScanSubject, Verdict } from '../guardrail/guardrail.ts'
import { failureReason } from '../guardrail/guardrail.ts'
import { checkedVerdict } from '../guardrail/run-scan.ts'
import type { TextSegment } from '../llm/format.ts'
import type { SingleFlight } from '../service/single-flight.ts'
import type { KeyScope } from './verdict-key.ts'
import { textKey } from './verdict-key.ts'
import type { VerdictLookup } from './verdict-lookup.ts'
import { storable } from './whole-verdict.ts'

export interface CachedTextsParts {
  /** One that judges each text on its own. */
  readonly guardrail: RemoteGuardrail
  readonly scope: KeyScope
  readonly lookup: VerdictLookup
  readonly flights: SingleFlight<Verdict>
}

/** A text of a subject; `at`: every place where it stands. */
interface Text {
  readonly segment: TextSegment
  readonly at: number[]
}

/**
 * Remembers texts one by one, so that a conversation which grows by a turn costs one call with one text. A text that
 * stands several times is asked once.
 */
export class CachedTexts {
  readonly #parts: CachedTextsParts

  constructor(parts: CachedTextsParts) {
    this.#parts = parts
  }

  async scan(subject: ScanSubject, signal: AbortSignal): Promise<Verdict> {
    const { scope, lookup } = this.#parts
    const texts = textsByKey(scope, subject)
    const alone = new Map(
      Array.from(texts, ([key, { segment }]) => [key, { ...subject, segments: [segment] }] as const),
    )
    const known = await lookup.find(alone, signal)
    const verdicts = Array.from(known, ([key, verdict]) => spread(verdict, () => texts.get(key)?.at ?? []))
    const missing = Array.from(texts).filter(([key]) => !known.has(key))
    if (missing.length === 0) return union(verdicts)
    try {
      // The fresh one first: its request id is the newest.
      return union([await this.#ask(subject, missing, signal), ...verdicts])
    } catch (error) {
      // A text that is known to be bad stays so when the others cannot be judged: the failure stands beside it.
      const flagged = union(verdicts)
      if (flagged.kind === 'clean' || isCancelled(signal)) throw error
      return { ...flagged, incomplete: signal.aborted ? 'timeout' : failureReason(error) }
    }
  }

  /** One scan of what is not known. Its findings' places are those of the whole subject. */
  async #ask(
    subject: ScanSubject,
    missing: readonly (readonly [string, Text])[],
    signal: AbortSignal,
  ): Promise<Verdict> {
    const asked = { ...subject, segments: missing.map(([, { segment }]) => segment) }
    const ask = async () => {
      const verdict = checkedVerdict(await this.#parts.guardrail.scan(asked, signal), asked)
      this.#keep(
        verdict,
        missing.map(([key]) => key),
      )
      return verdict
    }
    const flight = missing.map(([key]) => key).join(' ')
    const verdict = await this.#parts.flights.run(flight, signal, ask, one => storable(one) !== undefined)
    return spread(verdict, sent => missing[sent]?.[1].at ?? [])
  }

  /**
   * Keeps what the verdict says of each text. Of one that flags, only the texts with findings: a guardrail may have
   * looked no further. A finding without a place could be any text's, so then nothing is kept unless only one was sent.
   */
  #keep(verdict: Verdict, keys: readonly string[]): void {
    const { lookup } = this.#parts
    if (verdict.kind === 'clean' || keys.length === 1) {
      for (const key of keys) lookup.keep(key, verdict)
      return
    }
    if (verdict.findings.some(({ span }) => span === undefined)) return
    for (const [index, key] of keys.entries()) {
      const own = verdict.findings.filter(({ span }) => span?.segment === index)
      if (own.length > 0)
        lookup.keep(key, { ...verdict, breakdown: undefined, findings: own.flatMap(one => placed(one, [0])) })
    }
  }
}

/** Nobody waits for an answer. A deadline says that it is one; then what is known still counts. */
function isCancelled({ aborted, reason }: AbortSignal): boolean {
  return aborted && failureReason(reason) !== 'timeout'
}

function textsByKey(scope: KeyScope, subject: ScanSubject): ReadonlyMap<string, Text> {
  const texts = new Map<string, Text>()
  for (const [index, segment] of subject.segments.entries()) {
    const key = textKey(scope, subject, segment)
    const text = texts.get(key)
    if (text === undefined) texts.set(key, { segment, at: [index] })
    else text.at.push(index)
  }
  return texts
}

/** The verdict with each finding at every place where its text stands. */
function spread(verdict: Verdict, placesOf: (segment: number) => readonly number[]): Verdict {
  if (verdict.kind === 'clean') return verdict
  const findings = verdict.findings.flatMap(finding =>
    finding.span === undefined ? [finding] : placed(finding, placesOf(finding.span.segment)),
  )
  return { ...verdict, findings }
}

function placed(finding: Finding, segments: readonly number[]): readonly Finding[] {
  const { span } = finding
  if (span === undefined) return [finding]
  return segments.map(segment => ({ ...finding, span: { ...span, segment } }))
}

/** All findings; the first request id of a flagged verdict, or else the first there is. */
function union(verdicts: readonly Verdict[]): Verdict {
  const flagged = verdicts.filter(verdict => verdict.kind === 'flagged')
  const requestId = [...flagged, ...verdicts].find(verdict => verdict.requestId !== undefined)?.requestId
  if (flagged.length === 0) return { kind: 'clean', requestId }
  const incomplete = flagged.find(verdict => verdict.incomplete !== undefined)?.incomplete
  return { kind: 'flagged', findings: flagged.flatMap(({ findings }) => findings), requestId, incomplete }
}
