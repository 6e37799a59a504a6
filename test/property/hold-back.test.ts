import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LocalGuardrail, Outcome } from '../../src/guardrail/guardrail.ts'
import { keywords } from '../../src/guardrail/keywords/keywords.ts'
import type { TextSegment } from '../../src/llm/format.ts'
import type { Policy, Rule } from '../../src/policy/policy.ts'
import type { ScanEffect } from '../support/envoy-model.ts'
import { CLEAN, flagWordAsItGrows, policy, remoteGuardrail, rule } from '../support/policies.ts'
import { ScanWatch } from '../support/scan-watch.ts'
import {
  answers,
  eventsOf,
  expectEnded,
  expectWhole,
  expectWithin,
  type Frames,
  findAll,
  isDenied,
  openStreamed,
  play,
  receivedEvents,
  redactAll,
  type Script,
  scripts,
  textsOf,
} from '../support/stream-script.ts'
import { ANSWER } from '../unit/guardrail/segments.ts'

const answerClean = (): Outcome => CLEAN
const neverAsked = (): Outcome => expect.fail('a scan that nobody needs')

/** A service that flags the word wherever it sees it whole. */
function lookFor(word: string, segments: readonly TextSegment[]): Outcome {
  const findings = segments.flatMap(({ text }, segment) =>
    findAll(text, [word]).map(stretch => ({ detector: 'test/word', span: { segment, ...stretch } })),
  )
  return findings.length === 0 ? CLEAN : { kind: 'verdict', verdict: { kind: 'flagged', findings }, ms: 1 }
}

describe('a local guardrail that scans as the text grows', () => {
  const overlapping = ['secret', 'retreat', 'treat', 'eat']
  const config = keywords.configSchema.parse({ kind: 'keywords', words: overlapping })
  const guards = fc.constantFrom<{ guardrail: LocalGuardrail; words: string[]; placeholder: string }>(
    { guardrail: flagWordAsItGrows('secret'), words: ['secret'], placeholder: '<WORD>' },
    { guardrail: keywords.create('words', config), words: overlapping, placeholder: '<KEYWORD>' },
  )
  const frames = answers(['secret', 'sec', 're', 't', 'treat', 'ea', 'x ', '. ', 'é"\n', '😀'], 4)

  test('lets no character out of what it will block', () => {
    fc.assert(
      fc.property(guards, frames, scripts, ({ guardrail, words }, said, script) => {
        const events = eventsOf(said, script.terminator)
        const flaggedFrom = textsOf(said).map(text => findAll(text, words)[0]?.start)
        const envoy = openStreamed(script.mode, [rule(guardrail)])
        const look = () => expectWithin(flaggedFrom, said, envoy, events)
        play(envoy, events, script, { answer: neverAsked, look })
        if (flaggedFrom.every(from => from === undefined)) expectWhole(envoy, events)
        else expect(isDenied(envoy)).toBe(true)
        expectEnded(envoy)
      }),
      { numRuns: 200 },
    )
  })

  test('puts a placeholder in the place of what it redacts and lets all else through', () => {
    fc.assert(
      fc.property(guards, frames, scripts, ({ guardrail, words, placeholder }, said, script) => {
        const redacted = eventsOf(redactAll(said, words, placeholder), script.terminator)
        const envoy = openStreamed(script.mode, [rule(guardrail, 'redact')])
        const look = () => receivedEvents(envoy, redacted)
        play(envoy, eventsOf(said, script.terminator), script, { answer: neverAsked, look })
        expectWhole(envoy, redacted)
      }),
      { numRuns: 200 },
    )
  })
})

/** Small ones more often: then more happens within one short text. */
const chars = (max: number): fc.Arbitrary<number> => fc.oneof(fc.nat(8), fc.nat(max))
const windows = fc.record({
  firstChars: chars(60).map(count => count + 1),
  growth: fc.integer({ min: 1, max: 4 }),
  maxChars: fc.integer({ min: 1, max: 200 }),
  contextChars: chars(80),
  maxHeldMs: fc.constant(1000),
})

describe('a remote guardrail that scans by windows', () => {
  const cases = fc.constantFrom('no', 'secret', 'open sesame, said the thief').chain(word => {
    const half = Math.ceil(word.length / 2)
    const parts = [word, word.slice(0, half), word.slice(half), word.slice(0, -1), 'x', 'and on. ', '😀']
    return fc.record({
      word: fc.constant(word),
      said: answers([...parts, 'hush', 'hu'], 4),
      window: windows,
      holdBackChars: chars(80),
      // What comes before it redacts, so that texts have other lengths where the remote guardrail sees them.
      before: fc.constantFrom<readonly Rule[]>([], [rule(flagWordAsItGrows('hush'), 'redact')]),
      script: scripts,
    })
  })

  test('lets nothing out of what it will block before a scan has seen it whole', () => {
    fc.assert(
      fc.property(cases, ({ word, said, window, holdBackChars, before, script }) => {
        const redacted = redactAll(said, before.length > 0 ? ['hush'] : [], '<WORD>')
        const events = eventsOf(redacted, script.terminator)
        const envoy = openStreamed(script.mode, [...before, rule(remoteGuardrail())], {
          window,
          holdBackChars,
        })
        const found = textsOf(said).map(text => findAll(text, [word])[0])
        // What is longer than the hold-back may be partly out, but never its last characters. What is longer than all
        // that a scan is shown again may be missed.
        const isSeen = word.length <= holdBackChars + window.contextChars
        const held = Math.min(word.length, holdBackChars)
        const limits = found.map(stretch => (stretch && isSeen ? stretch.end - held : undefined))
        const answer = ({ subject }: ScanEffect): Outcome => {
          const shown = textsOf(redacted)
          for (const { text } of subject.segments) expect(shown.some(all => all.includes(text))).toBe(true)
          return lookFor(word, subject.segments)
        }
        const look = () => expectWithin(limits, said, envoy, events)
        play(envoy, eventsOf(said, script.terminator), script, { answer, look })
        if (found.every(stretch => stretch === undefined)) expectWhole(envoy, events)
        else if (isSeen) expect(isDenied(envoy)).toBe(true)
        expectEnded(envoy)
      }),
      { numRuns: 500 },
    )
  })

  /** The second scan's context begins within what the first one had redacted, and it finds more. */
  const withinRedacted = {
    word: 'secret',
    said: [[{ voice: 0, text: 'secrets' }], [{ voice: 0, text: 'ecret and a secret' }]],
    window: { firstChars: 1, growth: 1, maxChars: 1, contextChars: 0, maxHeldMs: 1000 },
    holdBackChars: 0,
    before: [],
    script: { mode: 'full-duplex', happenings: [], terminator: 'done', ending: 'alone' },
  } as const

  test('redacts all that is not longer than the hold-back, and lets all else through', () => {
    fc.assert(
      fc.property(cases, ({ word, said, window, holdBackChars, before, script }) => {
        const stream = { window, holdBackChars: word.length + holdBackChars }
        const envoy = openStreamed(script.mode, [...before, rule(remoteGuardrail(), 'redact')], stream)
        const words = before.length > 0 ? [word, 'hush'] : [word]
        const redacted = eventsOf(redactAll(said, words, '<WORD>'), script.terminator)
        const answer = ({ subject }: ScanEffect): Outcome => lookFor(word, subject.segments)
        const look = () => receivedEvents(envoy, redacted)
        play(envoy, eventsOf(said, script.terminator), script, { answer, look })
        expectWhole(envoy, redacted)
      }),
      { numRuns: 300, examples: [[withinRedacted]] },
    )
  })
})

describe('a clean stream arrives whole and ends, and every character of it was scanned', () => {
  const settings = fc.record({
    delivery: fc.constantFrom('window', 'withhold'),
    headers: fc.constantFrom('at_once', 'on_first_release'),
    holdBackChars: chars(80),
    window: windows,
  })
  /** Never the whole word. */
  const nearWords = ['sec', 'secre', 's', 'x', 'and on. ', 'é', '😀']
  const near = rule(flagWordAsItGrows('secret'))
  const remote = rule(remoteGuardrail())

  function expectArrives(
    rules: readonly Rule[],
    said: Frames,
    stream: Partial<Policy['stream']>,
    script: Script,
  ): void {
    const events = eventsOf(said, script.terminator)
    const envoy = openStreamed(script.mode, rules, stream)
    const watch = new ScanWatch(said, script.terminator, rules.includes(near) ? 'secret' : '')
    const cap = stream.maxHeldBytes ?? policy().stream.maxHeldBytes
    let known = 0
    play(envoy, events, script, {
      answer: answerClean,
      look: progress => {
        watch.look(envoy, progress)
        const chunk = progress.fed - known
        known = progress.fed
        const released = Buffer.byteLength(events.slice(0, receivedEvents(envoy, events)).join(''))
        // In STREAMED what was released may wait for a chunk to go out in place of.
        if (script.mode === 'full-duplex' && chunk > 0 && !isDenied(envoy))
          expect(known - released).toBeLessThanOrEqual(cap + chunk)
      },
      listen: progress => {
        if (stream.delivery !== 'window' || !rules.includes(remote)) return
        watch.expectNothingLeft(progress)
        const cleared = watch.clearedEvents(stream.holdBackChars ?? 0)
        if (script.mode === 'full-duplex') {
          expect(receivedEvents(envoy, events)).toBeGreaterThanOrEqual(cleared)
        }
      },
    })
    expectWhole(envoy, events)
    const lengths = textsOf(said).map(text => text.length)
    expect(watch.seen).toEqual(lengths.map(length => (rules.includes(remote) ? length : 0)))
  }

  const longestOf = (said: Frames): number =>
    Math.max(...eventsOf(said).map(event => Buffer.byteLength(event)))

  test('with any rules, windows and ends', () => {
    const rules = fc.constantFrom([near], [remote], [near, remote])
    fc.assert(fc.property(rules, answers(nearWords, 4), settings, scripts, expectArrives), { numRuns: 300 })
  })

  test('under any cap that its longest event fits under', () => {
    fc.assert(
      fc.property(answers(nearWords, 3), settings, fc.nat(1500), scripts, (said, stream, more, script) => {
        const maxHeldBytes = longestOf(said) + more
        expectArrives([remote], said, { ...stream, maxHeldBytes }, script)
      }),
      { numRuns: 300 },
    )
  })

  test('under any cap that the text fits under with which local rules wait', () => {
    const rules = fc.constantFrom([near], [near, remote])
    const streams = fc.tuple(settings, fc.nat(1500))
    fc.assert(
      fc.property(rules, answers(nearWords, 1), streams, scripts, (used, said, [stream, more], script) => {
        // The role, an event for each character that may begin the word, and what has come of the next event.
        const maxHeldBytes = longestOf(said) * ('secret'.length + 1) + more
        expectArrives(used, said, { ...stream, maxHeldBytes }, script)
      }),
      { numRuns: 200 },
    )
  })
})

describe('the cost of scanning', () => {
  /** Characters that no other one equals, so that none is taken for another. */
  const text = Array.from({ length: 20_000 }, (_, index) => String.fromCharCode(0x4e00 + index)).join('')
  /** The text in so many deltas, of two voices by turns. */
  const deltas = (count: number): Frames =>
    Array.from({ length: count }, (_, index) => {
      const [from, to] = [index, index + 1].map(at => Math.round((at * text.length) / count))
      return [{ voice: index % 2, text: text.slice(from, to) }]
    })

  test('20,000 characters that come faster than the time cap cost at most 16 scans, and are hardly shown twice', () => {
    const { window, holdBackChars } = policy().stream
    const bursts = fc.array(fc.integer({ min: 1, max: 8000 }), { minLength: 1, maxLength: 4 })
    const counts = fc.integer({ min: 1, max: 1000 })
    fc.assert(
      fc.property(counts, fc.constantFrom('x', '.'), bursts, scripts, (count, first, sizes, script) => {
        const said = [[{ voice: 0, text: first }], ...deltas(count)]
        const events = eventsOf(said, script.terminator)
        const round = sizes.flatMap(size => [size, 'verdict' as const])
        const rounds = Math.ceil(Buffer.byteLength(events.join('')) / sizes.reduce((sum, size) => sum + size))
        const happenings = Array.from({ length: rounds }, () => round).flat()
        const envoy = openStreamed(script.mode, [rule(remoteGuardrail())])
        const watch = new ScanWatch(said, script.terminator)
        play(
          envoy,
          events,
          { ...script, happenings },
          { answer: answerClean, look: at => watch.look(envoy, at) },
        )
        expectWhole(envoy, events)
        expect(watch.seen[0]! + watch.seen[1]!).toBe(text.length + 1)
        expect(watch.scans).toBeLessThanOrEqual(16)
        const again = watch.segments * (window.contextChars + holdBackChars)
        expect(watch.chars).toBeLessThanOrEqual(text.length + 1 + again)
      }),
      { numRuns: 40 },
    )
  })

  test.each([1, 1000, 10_000])('a local guardrail is given each character once, in %i deltas', count => {
    const config = keywords.configSchema.parse({ kind: 'keywords', words: ['secret'] })
    const guardrail = keywords.create('words', config)
    let given = 0
    const openScan = () => {
      const scan = guardrail.openScan?.(ANSWER) ?? expect.fail('no incremental scan')
      const push = (piece: string) => {
        given += piece.length
        return scan.push(piece)
      }
      return { push, end: () => scan.end() }
    }
    const envoy = openStreamed('full-duplex', [rule({ ...guardrail, openScan })])
    const events = eventsOf(deltas(count))
    for (const event of events) envoy.body('response', event)
    envoy.body('response', '', 'end')
    expect(given).toBe(text.length)
    expect(envoy.response.bytes.toString()).toBe(events.join(''))
  })
})
