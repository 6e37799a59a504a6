import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../../../src/guardrail/guardrail.ts'
import { modelArmorVerdict } from '../../../../src/guardrail/model-armor/verdict.ts'
import type { Piece } from '../../../../src/guardrail/pieces.ts'

const RAN = { executionState: 'EXECUTION_SUCCESS' }
const NO = { ...RAN, matchState: 'NO_MATCH_FOUND' }
const YES = { ...RAN, matchState: 'MATCH_FOUND' }
const SKIPPED = { executionState: 'EXECUTION_SKIPPED', matchState: 'NO_MATCH_FOUND' }
const csam = (result: object) => ({ csamFilterFilterResult: result })
const inspect = (result: object) => ({ sdpFilterResult: { inspectResult: result } })
const uris = (result: object) => ({ maliciousUriFilterResult: result })

function answer(filterResults: unknown, overall: object = {}) {
  return {
    sanitizationResult: {
      filterMatchState: 'MATCH_FOUND',
      invocationResult: 'SUCCESS',
      filterResults,
      sanitizationMetadata: {},
      ...overall,
    },
  }
}

const NO_MATCH = { filterMatchState: 'NO_MATCH_FOUND' }

function piecesOf(...texts: readonly string[]): readonly Piece[] {
  return texts.map((text, segment) => ({ segment, start: 0, role: 'user', text }))
}

function judge(body: unknown, ...texts: readonly string[]): Verdict {
  return modelArmorVerdict(body, piecesOf(...(texts.length === 0 ? ['hi'] : texts)))
}

function findings(filter: object, ...texts: readonly string[]) {
  const verdict = judge(answer({ f: filter }), ...texts)
  return verdict.kind === 'flagged' ? verdict.findings : []
}

const badResponse = expect.objectContaining({ name: 'GuardrailFailure', reason: 'bad-response' })

describe('each filter', () => {
  test.each<[string, object, object[]]>([
    ['csam', csam(YES), [{ detector: 'csam' }]],
    ['virus scan', { virusScanFilterResult: YES }, [{ detector: 'virus' }]],
    [
      'prompt injection',
      { piAndJailbreakFilterResult: { ...YES, confidenceLevel: 'HIGH' } },
      [{ detector: 'prompt_attack', level: 'high' }],
    ],
    [
      'prompt injection without a level',
      { piAndJailbreakFilterResult: { ...YES, confidenceLevel: null } },
      [{ detector: 'prompt_attack' }],
    ],
    [
      'responsible AI, the classes that matched',
      {
        raiFilterResult: {
          ...YES,
          raiFilterTypeResults: {
            hate_speech: { confidenceLevel: 'MEDIUM_AND_ABOVE', matchState: 'MATCH_FOUND' },
            sexually_explicit: { matchState: 'MATCH_FOUND' },
            harassment: { confidenceLevel: 'LOW_AND_ABOVE', matchState: 'NO_MATCH_FOUND' },
          },
        },
      },
      [{ detector: 'hate_speech', level: 'medium_and_above' }, { detector: 'sexually_explicit' }],
    ],
    ['responsible AI without classes', { raiFilterResult: YES }, [{ detector: 'rai' }]],
    ['malicious URIs without items', uris(YES), [{ detector: 'malicious_uri' }]],
    [
      'sensitive data, replaced',
      {
        sdpFilterResult: {
          deidentifyResult: {
            ...YES,
            data: { text: '[EMAIL_ADDRESS]' },
            transformedBytes: '18',
            infoTypes: ['EMAIL_ADDRESS', 'PHONE_NUMBER'],
          },
        },
      },
      [{ detector: 'pii/email_address' }, { detector: 'pii/phone_number' }],
    ],
    [
      'sensitive data, replaced, types unsaid',
      { sdpFilterResult: { deidentifyResult: YES } },
      [{ detector: 'pii' }],
    ],
    ['sensitive data without findings', inspect({ ...YES, findings: null }), [{ detector: 'pii' }]],
    [
      'sensitive data without a place',
      inspect({ ...YES, findings: [{ infoType: 'US_SSN', likelihood: 'LIKELY' }] }),
      [{ detector: 'pii/us_ssn', level: 'likely' }],
    ],
    [
      'sensitive data whose type is a sentence',
      inspect({ ...YES, findings: [{ infoType: 'my number is 1' }] }),
      [{ detector: 'pii' }],
    ],
    ['one that came later', { topicFilterResult: YES }, [{ detector: 'model-armor' }]],
  ])('%s', (_, filter, expected) => {
    expect(findings(filter)).toEqual(expected)
    expect(judge(answer([filter]))).toMatchObject({ kind: 'flagged', findings: expected })
  })

  test.each<[string, object]>([
    ['csam', csam(NO)],
    ['virus scan', { virusScanFilterResult: NO }],
    ['prompt injection', { piAndJailbreakFilterResult: { ...NO, confidenceLevel: 'LOW_AND_ABOVE' } }],
    ['responsible AI', { raiFilterResult: { ...NO, raiFilterTypeResults: null } }],
    ['malicious URIs', uris({ ...NO, maliciousUriMatchedItems: [] })],
    ['sensitive data', inspect({ ...NO, findings: [] })],
    ['sensitive data, replaced', { sdpFilterResult: { deidentifyResult: { ...NO, infoTypes: ['X'] } } }],
    ['one that came later', { topicFilterResult: NO }],
  ])('%s, no match', (_, filter) => {
    expect(judge(answer({ f: filter }, NO_MATCH))).toEqual({ kind: 'clean' })
  })
})

describe('the places', () => {
  const located = (location: object) => inspect({ ...YES, findings: [{ infoType: 'E', location }] })
  const range = (start: unknown, end: unknown) => ({ start, end })

  test.each<[string, object]>([
    ['both countings', { byteRange: range('5', '11'), codepointRange: range('2', '8') }],
    ['code points alone', { codepointRange: range('2', '8') }],
    ['bytes alone', { byteRange: range('5', '11'), codepointRange: null }],
    ['numbers', { codepointRange: range(2, 8) }],
  ])('%s are places in the text', (_, location) => {
    expect(findings(located(location), '😀 a@b.co')).toEqual([
      { detector: 'pii/e', span: { segment: 0, start: 3, end: 9 } },
    ])
  })

  test.each<[string, object]>([
    ['countings that differ', { byteRange: range('5', '10'), codepointRange: range('2', '8') }],
    ['an end past the text', { codepointRange: range('2', '9') }],
    ['a start inside of a character', { byteRange: range('2', '11') }],
    ['an empty range', { codepointRange: range('2', '2') }],
    ['no start', { codepointRange: range(undefined, '8') }],
    ['a start that is no number', { codepointRange: range('two', '8') }],
    ['nulls', { codepointRange: range(null, null) }],
    ['no range', {}],
  ])('%s are none', (_, location) => {
    expect(findings(located(location), '😀 a@b.co')).toEqual([{ detector: 'pii/e' }])
  })

  test('a place in a later text is one in that text, one over both is one in each', () => {
    const later = located({ codepointRange: range('3', '5') })
    expect(findings(later, 'ab', 'cd')).toEqual([
      { detector: 'pii/e', span: { segment: 1, start: 0, end: 2 } },
    ])
    expect(findings(located({ codepointRange: range('1', '4') }), 'ab', 'cd')).toEqual([
      { detector: 'pii/e', span: { segment: 0, start: 1, end: 2 } },
      { detector: 'pii/e', span: { segment: 1, start: 0, end: 1 } },
    ])
    expect(findings(located({ codepointRange: range('2', '3') }), 'ab', 'cd')).toEqual([
      { detector: 'pii/e' },
    ])
  })

  const item = (...locations: object[]) =>
    uris({ ...YES, maliciousUriMatchedItems: [{ uri: 'http://x.test', locations }] })

  test.each<[string, object]>([
    ['code points', range('2', '15')],
    ['UTF-16 units', range('3', '16')],
    ['bytes', range('5', '18')],
  ])('of a URI are what yields it, in %s', (_, location) => {
    expect(findings(item(location), '😀 http://x.test')).toEqual([
      { detector: 'malicious_uri', span: { segment: 0, start: 3, end: 16 } },
    ])
  })

  test('of a URI of which one place is wrong are none', () => {
    expect(findings(item(range('2', '15'), range('4', '17')), '😀 http://x.test')).toEqual([
      { detector: 'malicious_uri' },
    ])
    expect(findings(item(), '😀 http://x.test')).toEqual([{ detector: 'malicious_uri' }])
  })
})

describe('what was not judged', () => {
  test.each<[string, object]>([
    ['a filter that was skipped', answer({ a: csam(NO), b: uris(SKIPPED) }, NO_MATCH)],
    ['a part', answer({ a: csam(NO) }, { ...NO_MATCH, invocationResult: 'PARTIAL' })],
    ['nothing', answer({ a: csam(SKIPPED) }, { ...NO_MATCH, invocationResult: 'FAILURE' })],
    ['no more than fits', answer({ a: inspect({ ...NO, findingsTruncated: true }) }, NO_MATCH)],
    ['by a filter that came later', answer({ a: { topicFilterResult: SKIPPED } }, NO_MATCH)],
  ])('%s is no verdict', (_, body) => {
    expect(() => judge(body)).toThrow(badResponse)
  })

  test.each<[string, object]>([
    ['a skipped filter', answer({ a: csam(YES), b: uris(SKIPPED) })],
    ['a part', answer({ a: csam(YES) }, { invocationResult: 'PARTIAL' })],
  ])('beside a match, %s keeps the rest from being redacted only', (_, body) => {
    expect(judge(body)).toMatchObject({
      kind: 'flagged',
      findings: [{ detector: 'csam' }, { detector: 'unscanned' }],
    })
  })

  test('findings that are not all there cannot be redacted', () => {
    const body = answer({
      a: inspect({ ...YES, findings: [{ infoType: 'E' }], findingsTruncated: true }),
    })
    expect(judge(body)).toMatchObject({
      kind: 'flagged',
      findings: [{ detector: 'pii/e' }, { detector: 'unscanned' }],
    })
  })
})

describe('states that contradict each other', () => {
  test('a match overall that no filter has', () => {
    expect(judge(answer({ a: csam(NO) }))).toMatchObject({
      kind: 'flagged',
      findings: [{ detector: 'model-armor' }],
    })
  })

  test.each<[string, object]>([
    ['a filter', csam(YES)],
    ['a class', { raiFilterResult: { ...NO, raiFilterTypeResults: { dangerous: YES } } }],
    ['a finding', inspect({ ...NO, findings: [{ infoType: 'E' }] })],
  ])('%s matches, the whole does not', (_, filter) => {
    expect(judge(answer({ f: filter }, NO_MATCH))).toMatchObject({ kind: 'flagged' })
  })

  test('a filter that was skipped and matched all the same', () => {
    expect(judge(answer({ a: csam({ ...SKIPPED, matchState: 'MATCH_FOUND' }) }))).toMatchObject({
      findings: [{ detector: 'csam' }, { detector: 'unscanned' }],
    })
  })
})

describe('another shape is no verdict', () => {
  const clean = answer({ a: csam(NO) }, NO_MATCH)
  test.each<[string, unknown]>([
    ['null', null],
    ['a list', [clean]],
    ['an empty object', {}],
    ['no result', { sanitizationResult: null }],
    ['an error of status 200', { error: { code: 403, message: 'no' } }],
    ['no overall state', answer({ a: csam(NO) }, { filterMatchState: undefined })],
    ['overall state null', answer({ a: csam(NO) }, { filterMatchState: null })],
    [
      'overall state unspecified',
      answer({ a: csam(NO) }, { filterMatchState: 'FILTER_MATCH_STATE_UNSPECIFIED' }),
    ],
    ['no invocation result', answer({ a: csam(NO) }, { ...NO_MATCH, invocationResult: undefined })],
    ['invocation result null', answer({ a: csam(NO) }, { ...NO_MATCH, invocationResult: null })],
    ['no filters', answer(undefined, NO_MATCH)],
    ['filters null', answer(null, NO_MATCH)],
    ['an empty map', answer({}, NO_MATCH)],
    ['an empty list', answer([], NO_MATCH)],
    ['a filter null', answer({ a: null }, NO_MATCH)],
    ['a filter without a result', answer({ a: {} }, NO_MATCH)],
    ['a result null', answer({ a: csam(NO), b: { raiFilterResult: null } }, NO_MATCH)],
    ['two results in one filter', answer({ a: { ...csam(NO), ...uris(YES) } }, NO_MATCH)],
    ['no execution state', answer({ a: csam({ matchState: 'NO_MATCH_FOUND' }) }, NO_MATCH)],
    ['execution state null', answer({ a: csam({ ...NO, executionState: null }) }, NO_MATCH)],
    ['no match state', answer({ a: csam(RAN) }, NO_MATCH)],
    ['match state null', answer({ a: csam({ ...RAN, matchState: null }) }, NO_MATCH)],
    ['match state true', answer({ a: csam({ ...RAN, matchState: true }) }, NO_MATCH)],
    ['an empty sensitive data result', answer({ a: { sdpFilterResult: {} } }, NO_MATCH)],
    ['findings that are no list', answer({ a: inspect({ ...NO, findings: {} }) }, NO_MATCH)],
    [
      'a class without a state',
      answer({ a: { raiFilterResult: { ...NO, raiFilterTypeResults: { hate_speech: {} } } } }, NO_MATCH),
    ],
  ])('%s', (_, body) => {
    expect(() => judge(body)).toThrow(badResponse)
  })

  test('though the like of it is one', () => {
    expect(judge(clean)).toEqual({ kind: 'clean' })
  })
})

test('beside what was found, what every filter came to is told', () => {
  const verdict = judge(
    answer({
      a: csam(NO),
      b: uris(SKIPPED),
      c: { piAndJailbreakFilterResult: { ...YES, confidenceLevel: 'HIGH' } },
      d: {
        raiFilterResult: {
          ...NO,
          raiFilterTypeResults: {
            dangerous: { matchState: 'NO_MATCH_FOUND', confidenceLevel: 'LOW_AND_ABOVE' },
          },
        },
      },
      e: inspect(NO),
    }),
  )
  expect(verdict.kind === 'flagged' && verdict.breakdown).toEqual([
    { detector: 'prompt_attack', detected: true, level: 'high' },
    { detector: 'csam', detected: false },
    { detector: 'malicious_uri', detected: false, level: 'skipped' },
    { detector: 'rai', detected: false },
    { detector: 'dangerous', detected: false, level: 'low_and_above' },
    { detector: 'pii', detected: false },
  ])
})
