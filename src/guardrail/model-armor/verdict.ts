import { assertNever } from '../../errors.ts'
import type { DetectorResult, Finding, Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import { detectorName, nameOrUndefined } from '../names.ts'
import type { Piece } from '../pieces.ts'
import { mergedBreakdown } from '../pieces.ts'
import type { Deidentification, FilterResult, Inspection, RaiResult, UriResult } from './answer.ts'
import { answerSchema } from './answer.ts'
import type { Places } from './places.ts'
import { openPlaces } from './places.ts'

/** Beside findings when not all was judged: it has no place, so that a redaction, which lets the rest pass, denies. */
const UNSCANNED: Finding = { detector: 'unscanned' }

/**
 * Decodes the answer to a sanitize request. What any filter found counts, also when others were not run; "no match" is
 * clean only when all were. Throws GuardrailFailure `bad-response` for the rest, and for what has another shape.
 */
export function modelArmorVerdict(answer: unknown, batch: readonly Piece[]): Verdict {
  const decoded = answerSchema.safeParse(answer)
  if (!decoded.success)
    throw new GuardrailFailure('bad-response', 'the answer has no readable filter results')
  const { filterMatchState, invocationResult, filterResults } = decoded.data.sanitizationResult
  const places = openPlaces(batch)
  const findings = filterResults.flatMap(filter => findingsOf(filter, places))
  const wasJudged = invocationResult === 'SUCCESS' && filterResults.every(ranThrough)
  if (findings.length === 0 && filterMatchState === 'MATCH_FOUND') findings.push({ detector: 'model-armor' })
  if (findings.length > 0)
    return {
      kind: 'flagged',
      findings: wasJudged ? findings : [...findings, UNSCANNED],
      ...(!wasJudged && { incomplete: 'bad-response' as const }),
      breakdown: mergedBreakdown([...findings.map(detected), ...filterResults.flatMap(breakdownOf)]),
    }
  if (!wasJudged) throw new GuardrailFailure('bad-response', 'a filter was skipped')
  return { kind: 'clean' }
}

/** What a filter came to, and each class of the responsible AI one. One that was skipped says so as its level. */
function breakdownOf({ kind, result }: FilterResult): readonly DetectorResult[] {
  const own = { detector: DETECTORS[kind], detected: result.matchState === 'MATCH_FOUND' }
  const classes = kind === 'rai' ? Object.entries(result.raiFilterTypeResults ?? {}) : []
  return [
    result.executionState === 'EXECUTION_SKIPPED' ? { ...own, level: 'skipped' } : own,
    ...classes.map(([name, { matchState, confidenceLevel }]) => ({
      ...described(detectorName(name, 'rai'), confidenceLevel),
      detected: matchState === 'MATCH_FOUND',
    })),
  ]
}

/** What each filter's own match is called. */
const DETECTORS = {
  rai: 'rai',
  inspection: 'pii',
  deidentification: 'pii',
  'prompt-attack': 'prompt_attack',
  'malicious-uri': 'malicious_uri',
  csam: 'csam',
  virus: 'virus',
  other: 'model-armor',
} as const

function detected({ detector, score, level }: Finding): DetectorResult {
  return { detector, detected: true, score, level }
}

/** A list of findings that was truncated leaves some in the dark. */
function ranThrough({ kind, result }: FilterResult): boolean {
  if (kind === 'inspection' && result.findingsTruncated === true) return false
  return result.executionState === 'EXECUTION_SUCCESS'
}

function findingsOf(filter: FilterResult, places: Places): readonly Finding[] {
  switch (filter.kind) {
    case 'rai':
      return raiFindings(filter.result)
    case 'prompt-attack':
      return matched(filter.result, described('prompt_attack', filter.result.confidenceLevel))
    case 'malicious-uri':
      return uriFindings(filter.result, places)
    case 'inspection':
      return inspectionFindings(filter.result, places)
    case 'deidentification':
      return deidentificationFindings(filter.result)
    case 'csam':
    case 'virus':
      return matched(filter.result, { detector: filter.kind })
    case 'other':
      return matched(filter.result, { detector: 'model-armor' })
    default:
      return assertNever(filter)
  }
}

/** `otherwise` when the filter matched without saying what. */
function matched(
  { matchState }: FilterResult['result'],
  otherwise: Finding,
  details: readonly Finding[] = [],
): readonly Finding[] {
  if (details.length > 0) return details
  return matchState === 'MATCH_FOUND' ? [otherwise] : []
}

/** Responsible AI: a confidence is given for classes that the template lets pass as well. */
function raiFindings(result: RaiResult): readonly Finding[] {
  const classes = Object.entries(result.raiFilterTypeResults ?? {})
    .filter(([, { matchState }]) => matchState === 'MATCH_FOUND')
    .map(([name, { confidenceLevel }]) => described(detectorName(name, 'rai'), confidenceLevel))
  return matched(result, { detector: 'rai' }, classes)
}

function uriFindings(result: UriResult, places: Places): readonly Finding[] {
  const detector = 'malicious_uri'
  const items = (result.maliciousUriMatchedItems ?? []).flatMap(({ uri, locations }): readonly Finding[] => {
    const spans = (locations ?? []).map(range => (uri ? places.ofText(uri, range) : []))
    if (spans.length === 0 || spans.some(found => found.length === 0)) return [{ detector }]
    return spans.flat().map(span => ({ detector, span }))
  })
  // The items describe a match: the service lists none otherwise.
  return matched(result, { detector }, items)
}

/** Sensitive data that is only looked for comes with its places. */
function inspectionFindings(result: Inspection, places: Places): readonly Finding[] {
  const items = (result.findings ?? []).flatMap(({ infoType, likelihood, location }): readonly Finding[] => {
    const finding = described(sensitive(infoType), likelihood)
    const spans = places.ofFinding(location?.codepointRange, location?.byteRange)
    return spans.length === 0 ? [finding] : spans.map(span => ({ ...finding, span }))
  })
  return matched(result, { detector: 'pii' }, items)
}

/** Sensitive data that the service replaced in a copy of the text: it says what, not where. */
function deidentificationFindings(result: Deidentification): readonly Finding[] {
  const items = result.matchState === 'MATCH_FOUND' ? (result.infoTypes ?? []) : []
  return matched(
    result,
    { detector: 'pii' },
    items.map(infoType => ({ detector: sensitive(infoType) })),
  )
}

function sensitive(infoType: string | null | undefined): string {
  return infoType ? detectorName(`pii/${infoType}`, 'pii') : 'pii'
}

function described(detector: string, confidence: string | null | undefined): Finding {
  const level = nameOrUndefined(confidence)?.toLowerCase()
  return level === undefined ? { detector } : { detector, level }
}
