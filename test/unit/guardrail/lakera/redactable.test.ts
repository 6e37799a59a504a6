import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Outcome, ScanSubject } from '../../../../src/guardrail/guardrail.ts'
import type { TextSegment } from '../../../../src/llm/format.ts'
import { CARD_MARKER, type LakeraOffsets, PII_MARKER } from '../../../support/lakera-stub.ts'
import { useRig } from '../rig.ts'
import { input, segment } from '../segments.ts'
import { answeredBy, lakeraService } from './rig.ts'

const rig = useRig(lakeraService)
const UNITS = ['code-points', 'utf-16', 'inclusive', 'shifted'] as const satisfies readonly LakeraOffsets[]

/** What the spans cut out, by segment and in order; undefined when a finding has none. */
function found(outcome: Outcome, subject: ScanSubject): readonly string[] | undefined {
  if (outcome.kind !== 'verdict' || outcome.verdict.kind !== 'flagged') throw new Error('not flagged')
  const { findings } = outcome.verdict
  const spans = findings.map(finding => finding.span)
  if (spans.includes(undefined)) return undefined
  return spans
    .filter(span => span !== undefined)
    .sort((a, b) => a.segment - b.segment || a.start - b.start)
    .map(({ segment, start, end }) => `${segment}: ${subject.segments[segment]?.text.slice(start, end)}`)
}

async function scanned(subject: ScanSubject): Promise<readonly string[] | undefined> {
  return found(await rig.scan(subject), subject)
}

describe.each(UNITS)('offsets that are %s', unit => {
  test('are found in their texts, emoji before them or not', async () => {
    rig.stub.offsets = unit
    expect(
      await scanned(input(`😀😀 mail ${PII_MARKER} 🙂`, 'none', `pay ${CARD_MARKER}, ${PII_MARKER}`)),
    ).toEqual([`0: ${PII_MARKER}`, `2: ${CARD_MARKER}`, `2: ${PII_MARKER}`])
  })

  test('are found in any text', async () => {
    rig.stub.offsets = unit
    const filler = fc.constantFrom('a', 'ß', '😀', '👩‍👧', '語', '\n', ' ', '\ud83d', 'PII', '*')
    const text = fc.array(
      fc.oneof({ weight: 4, arbitrary: filler }, fc.constantFrom(PII_MARKER, CARD_MARKER)),
      {
        maxLength: 12,
      },
    )
    const arbitrary = fc.array(text, { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.boolean(), async (words, isOneMessage) => {
        const texts = [...words.map(one => one.join('')), PII_MARKER]
        const segments = texts.map((one, index) => segment(one, { message: isOneMessage ? 0 : index }))
        const expected = texts.flatMap((one, index) =>
          Array.from(
            one.matchAll(new RegExp(`${PII_MARKER}|${CARD_MARKER}`, 'g')),
            ([match]) => `${index}: ${match}`,
          ),
        )
        expect(await scanned({ side: 'input', segments })).toEqual(expected)
      }),
      { numRuns: 40 },
    )
  })
})

test('offsets that fit nowhere, of a text that stands nowhere, leave no span', async () => {
  rig.stub.offsets = 'unmatched'
  const outcome = await rig.scan(input(`mail ${PII_MARKER}`))
  expect(outcome).toMatchObject({
    verdict: { findings: [{ detector: 'pii/email', level: 'l1_confident' }] },
  })
  expect(JSON.stringify(outcome)).not.toContain('span')
})

test('the parts of a message are segments of their own', async () => {
  const segments = ['one', `two ${PII_MARKER}`, PII_MARKER].map(text => segment(text, { message: 0 }))
  const subject: ScanSubject = { side: 'input', segments }
  expect(await scanned(subject)).toEqual([`1: ${PII_MARKER}`, `2: ${PII_MARKER}`])
  expect(rig.stub.requests[0]?.messages).toHaveLength(1)
})

test('anything else that is detected anywhere leaves nothing to redact', async () => {
  for (const other of ['FLAG-ME', 'SWEAR-ME']) {
    expect(await scanned(input(`mail ${PII_MARKER}`, other))).toBeUndefined()
    expect(await scanned(input(`${other} ${PII_MARKER}`))).toBeUndefined()
  }
})

test('a match in what was asked cannot be redacted in the answer', async () => {
  const beside = (...conversation: readonly TextSegment[]): ScanSubject => ({
    side: 'output',
    conversation,
    segments: [segment(`mail ${PII_MARKER}`)],
    final: true,
  })
  expect(await scanned(beside())).toEqual([`0: ${PII_MARKER}`])
  expect(await scanned(beside(segment('who?'), segment('I am', { message: 1 })))).toEqual([
    `0: ${PII_MARKER}`,
  ])
  expect(await scanned(beside(segment(`I am ${PII_MARKER}`)))).toBeUndefined()
})

const EMAIL = {
  start: 5,
  end: 10,
  text: 'a@b.c',
  detector_type: 'pii/email',
  labels: ['EMAIL'],
  message_id: 0,
}
const DETECTED = { detector_type: 'pii/email', detected: true, result: 'l1_confident', message_id: 0 }
const flagged = (payload: unknown, breakdown: unknown = [DETECTED]) => ({ flagged: true, payload, breakdown })

async function answered(
  answer: unknown,
  ...texts: readonly string[]
): Promise<readonly string[] | undefined> {
  const subject = input(...texts)
  return found(await answeredBy(rig, answer, subject), subject)
}

describe('answers that can be redacted by', () => {
  test.each<[string, object, readonly string[], readonly string[]]>([
    ['the place that is told', flagged([EMAIL]), ['mail a@b.c'], ['0: a@b.c']],
    ['only the place that is told', flagged([EMAIL]), ['mail a@b.c or a@b.c'], ['0: a@b.c']],
    [
      'only that place too where the end is inclusive',
      flagged([{ ...EMAIL, end: 9 }]),
      ['mail a@b.c or a@b.c'],
      ['0: a@b.c'],
    ],
    ['an end past the text', flagged([{ ...EMAIL, end: 99 }]), ['mail a@b.c'], ['0: a@b.c']],
    [
      'every place of the text when none is told',
      flagged([{ ...EMAIL, start: null, end: null }]),
      ['a@b.c a@b.c'],
      ['0: a@b.c', '0: a@b.c'],
    ],
    [
      'occurrences that overlap as one',
      flagged([{ ...EMAIL, text: 'aa', end: 99 }]),
      ['baaaa aa'],
      ['0: aaaa', '0: aa'],
    ],
    [
      'both places where two units fit',
      flagged([{ ...EMAIL, start: 2, end: 4, text: '55' }]),
      ['😀5555'],
      ['0: 55', '0: 55'],
    ],
    [
      'the only message where none is named',
      flagged([{ ...EMAIL, message_id: null }]),
      ['mail a@b.c a@b.c'],
      ['0: a@b.c'],
    ],
    [
      'all messages where none of several is named',
      flagged([{ ...EMAIL, message_id: undefined }]),
      ['mail a@b.c', 'to a@b.c'],
      ['0: a@b.c', '1: a@b.c'],
    ],
    [
      'a detector whose message is not told',
      flagged([EMAIL], [{ ...DETECTED, message_id: null }]),
      ['mail a@b.c'],
      ['0: a@b.c'],
    ],
    ['names in capitals', flagged([{ ...EMAIL, detector_type: 'PII/Email' }]), ['mail a@b.c'], ['0: a@b.c']],
    [
      'more matches than were detected',
      flagged([EMAIL, { ...EMAIL, start: 0, end: 4, text: 'mail', detector_type: 'pii/x' }]),
      ['mail a@b.c'],
      ['0: mail', '0: a@b.c'],
    ],
    [
      'a place across two texts of a message',
      flagged([{ ...EMAIL, text: 'l\na', start: 3, end: 6 }]),
      ['mail', 'a@b.c'],
      ['0: l', '1: a'],
    ],
  ])('%s', async (_, answer, texts, expected) => {
    const segments = texts.map((text, index) => segment(text, { message: texts[0] === 'mail' ? 0 : index }))
    const subject: ScanSubject = { side: 'input', segments }
    expect(found(await answeredBy(rig, answer, subject), subject)).toEqual(expected)
  })
})

describe('answers that cannot be redacted by:', () => {
  const entry = (change: object) => [{ ...EMAIL, ...change }]
  const detected = (...changes: readonly object[]) =>
    flagged(
      [EMAIL],
      changes.map(change => ({ ...DETECTED, ...change })),
    )
  test.each<[string, object]>([
    ['no payload', flagged(undefined)],
    ['a payload of null', flagged(null)],
    ['an empty payload', flagged([])],
    ['a payload that is no list', flagged({ 0: EMAIL })],
    ['an entry that is no entry', flagged([EMAIL, null])],
    ['a match without text', flagged(entry({ text: null }))],
    ['a match of no text', flagged(entry({ text: '' }))],
    ['a match that is masked', flagged(entry({ text: 'a****' }))],
    ['one match of two that is masked', flagged([EMAIL, { ...EMAIL, text: 'a****' }])],
    ['a match without a type', flagged(entry({ detector_type: null }))],
    ['a match that is no personal data', flagged([EMAIL, { ...EMAIL, detector_type: 'custom/regex' }])],
    ['a match in a message that was not sent', flagged(entry({ message_id: 2 }))],
    ['a match in a strange message', flagged(entry({ message_id: '0' }))],
    ['a match in a message that does not hold it', flagged(entry({ message_id: 1 }))],
    ['a match of another detector only', flagged(entry({ detector_type: 'pii/phone' }))],
    ['no breakdown', flagged([EMAIL], null)],
    ['an empty breakdown', flagged([EMAIL], [])],
    ['nothing detected', detected({ detected: false })],
    ['an entry that says nothing', detected({}, { detected: null })],
    ['a detector without a type', detected({}, { detector_type: null })],
    ['a detector that is a sentence', detected({}, { detector_type: 'pii/my card is 4111' })],
    ['a detector of another kind', detected({}, { detector_type: 'unknown_links' })],
    ['a detector that only begins like personal data', detected({}, { detector_type: 'piix' })],
    ['a detector without a match in its message', detected({}, { message_id: 1 })],
    ['a detector in a strange message', detected({ message_id: 'x' })],
  ])('%s', async (_, answer) => {
    expect(await answered(answer, 'mail a@b.c', 'hi')).toBeUndefined()
  })
})

test('a match is in no outcome, place or not', async () => {
  const canary = 'canary@example.com'
  const payload = [{ ...EMAIL, text: canary, end: 5 + canary.length }]
  for (const text of [`mail ${canary}`, 'mail', 'nothing']) {
    const breakdown = [{ ...DETECTED, detector_type: text === 'nothing' ? canary : 'pii/email' }]
    const outcome = await answeredBy(rig, { flagged: true, payload, breakdown }, input(text))
    expect(outcome).toMatchObject({ verdict: { kind: 'flagged' } })
    expect(JSON.stringify(outcome)).not.toContain('canary')
  }
})
