import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Finding, RemoteGuardrail, ScanSubject, Verdict } from '../../../src/guardrail/guardrail.ts'
import { GuardrailFailure } from '../../../src/guardrail/guardrail.ts'
import { cached } from '../../../src/verdict-cache/cached.ts'
import { input, output, segment } from '../guardrail/segments.ts'

const CLEAN: Verdict = { kind: 'clean' }
const never = new AbortController().signal

/** Finds `bad` with its place and `vague` without one; fails on `broken`. */
function judged(texts: readonly string[]): Verdict {
  if (texts.some(text => text.includes('broken'))) throw new GuardrailFailure('rate-limited', 'status 429')
  const findings = texts.flatMap((text, index): Finding[] => {
    const start = text.indexOf('bad')
    const span = { segment: index, start, end: start + 3 }
    return [
      ...(start < 0 ? [] : [{ detector: 'word', span }]),
      ...(text.includes('vague') ? [{ detector: 'mood' }] : []),
    ]
  })
  return findings.length > 0 ? { kind: 'flagged', findings } : CLEAN
}

function guardWithCache(judging: 'each-text' | 'whole' = 'each-text') {
  const sent: (readonly string[])[] = []
  const subjects: ScanSubject[] = []
  const entries = new Map<string, Verdict>()
  const events: string[] = []
  const guardrail: RemoteGuardrail = {
    name: 'guard',
    locality: 'remote',
    timeoutMs: 1000,
    judges: judging === 'whole' ? undefined : judging,
    async scan(subject) {
      subjects.push(subject)
      sent.push(subject.segments.map(({ text }) => text))
      const verdict = judged(subject.segments.map(({ text }) => text))
      return { ...verdict, requestId: `check-${sent.length}` }
    },
  }
  const guard = cached(guardrail, {
    store: { get: async key => entries.get(key), set: (key, verdict) => void entries.set(key, verdict) },
    digest: text => createHmac('sha256', 'a key').update(text).digest('hex'),
    configVersion: 'v1',
    report: event => void events.push(event),
  })
  return { scan: (subject: ScanSubject) => guard.scan(subject, never), sent, subjects, entries, events }
}

/** The places of findings, as `detector@segment:start`. */
function places(verdict: Verdict): readonly string[] {
  if (verdict.kind === 'clean') return []
  return verdict.findings.map(({ detector, span }) =>
    span ? `${detector}@${span.segment}:${span.start}` : detector,
  )
}

describe('a conversation judged text by text', () => {
  test('that grows by a turn costs one call with one text', async () => {
    const { scan, sent, events } = guardWithCache()
    await scan(input('hello'))
    await scan(input('hello', 'hi'))
    await scan(input('hello', 'hi', 'how are you'))
    expect(await scan(input('hello', 'hi', 'how are you'))).toMatchObject(CLEAN)
    expect(sent).toEqual([['hello'], ['hi'], ['how are you']])
    expect(events).toEqual(['miss', 'hit', 'miss', 'hit', 'hit', 'miss', 'hit', 'hit', 'hit'])
  })

  test('sends the segments as they are, under the rest of the subject', async () => {
    const { scan, subjects } = guardWithCache()
    const late = segment('late', { message: 7, role: 'tool', kind: 'tool-result' })
    await scan({ side: 'input', segments: [segment('early')] })
    const origin = { exchangeId: 'x', model: undefined }
    await scan({ side: 'input', segments: [segment('early'), late], origin })
    expect(subjects[1]).toEqual({ side: 'input', segments: [late], origin })
  })

  test('unites what is known with what is new, each finding at its place', async () => {
    const { scan, sent } = guardWithCache()
    await scan(input('so bad'))
    const verdict = await scan(input('fine', 'so bad', 'also fine', 'a bad end'))
    expect([...places(verdict)].sort()).toEqual(['word@1:3', 'word@3:2'])
    expect(verdict.requestId).toBe('check-2')
    expect(sent[1]).toEqual(['fine', 'also fine', 'a bad end'])
  })

  test('remembers a flagged text wherever it stands later', async () => {
    const { scan, sent } = guardWithCache()
    await scan(input('fine', 'so bad'))
    expect(places(await scan(input('so bad')))).toEqual(['word@0:3'])
    expect(sent).toHaveLength(1)
  })

  test('takes no text for clean beside which another was flagged: the guardrail may have stopped there', async () => {
    const { scan, sent } = guardWithCache()
    await scan(input('fine', 'so bad'))
    await scan(input('fine'))
    expect(sent).toEqual([['fine', 'so bad'], ['fine']])
  })

  test('sends a text that stands twice once, and finds it in both places', async () => {
    const { scan, sent } = guardWithCache()
    const subject = input('so bad', 'fine', 'so bad')
    expect(places(await scan(subject))).toEqual(['word@0:3', 'word@2:3'])
    expect(places(await scan(subject))).toEqual(['word@0:3', 'word@2:3'])
    expect(sent).toEqual([['so bad', 'fine'], ['fine']])
  })

  test('keeps nothing of a finding without a place among several texts', async () => {
    const { scan, entries } = guardWithCache()
    expect(places(await scan(input('fine', 'so bad', 'vague')))).toEqual(['word@1:3', 'mood'])
    expect(entries.size).toBe(0)
  })

  test('keeps a finding without a place of a single text', async () => {
    const { scan, sent } = guardWithCache()
    expect(places(await scan(input('vague')))).toEqual(['mood'])
    expect(places(await scan(input('fine', 'vague')))).toEqual(['mood'])
    expect(sent).toEqual([['vague'], ['fine']])
  })

  test('lets no failure hide what is known to be flagged, and keeps nothing of it', async () => {
    const { scan, entries } = guardWithCache()
    await scan(input('so bad'))
    const verdict = await scan(input('so bad', 'broken'))
    expect(verdict).toMatchObject({ kind: 'flagged', incomplete: 'rate-limited' })
    expect(places(verdict)).toEqual(['word@0:3'])
    expect(entries.size).toBe(1)
  })

  test('fails when what is known is clean', async () => {
    const { scan } = guardWithCache()
    await scan(input('fine'))
    await expect(scan(input('fine', 'broken'))).rejects.toMatchObject({ reason: 'rate-limited' })
  })

  test('does not count a kept verdict whose place is in no text of its own', async () => {
    const { scan, sent, entries } = guardWithCache()
    await scan(input('fine'))
    const elsewhere: Verdict = {
      kind: 'flagged',
      findings: [{ detector: 'd', span: { segment: 1, start: 0, end: 1 } }],
    }
    for (const key of entries.keys()) entries.set(key, elsewhere)
    expect(await scan(input('fine', 'other'))).toMatchObject(CLEAN)
    expect(sent).toEqual([['fine'], ['fine', 'other']])
  })

  test('many texts at once bring no warning', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => void warnings.push(warning)
    process.on('warning', onWarning)
    const { scan, sent } = guardWithCache()
    await scan(input(...Array.from({ length: 300 }, (_, index) => `text ${index}`)))
    await new Promise(resolve => setImmediate(resolve))
    process.off('warning', onWarning)
    expect(sent[0]).toHaveLength(300)
    expect(warnings).toEqual([])
  })
})

describe('an answer', () => {
  const answer = (texts: readonly string[], asked: readonly string[]): ScanSubject => ({
    side: 'output',
    final: true,
    conversation: asked.map(text => segment(text)),
    segments: texts.map(text => segment(text, { role: 'assistant' })),
  })

  test('without its question is judged text by text', async () => {
    const { scan, sent } = guardWithCache()
    await scan(output('one'))
    await scan(output('one', 'two'))
    expect(sent).toEqual([['one'], ['two']])
  })

  test('with its question is judged as a whole', async () => {
    const { scan, sent } = guardWithCache()
    await scan(answer(['one'], ['asked']))
    await scan(answer(['one', 'two'], ['asked']))
    await scan(answer(['one', 'two'], ['asked']))
    expect(sent).toEqual([['one'], ['one', 'two']])
  })
})

test('a guardrail that does not judge each text by itself is asked for the whole', async () => {
  const { scan, sent } = guardWithCache('whole')
  await scan(input('one'))
  await scan(input('one', 'two'))
  expect(sent).toEqual([['one'], ['one', 'two']])
})
