import { describe, expect, test } from 'vitest'
import type { Outcome, ScanSubject } from '../../src/guardrail/guardrail.ts'
import { GUARD_KINDS, type GuardKind } from '../support/guard-kinds.ts'
import type { FrontFault } from '../support/service-front.ts'
import { input, output, segment } from '../unit/guardrail/segments.ts'
import { selfSigned } from '../unit/guardrail/self-signed.ts'
import { BARE, openKind, TEXT_CANARY } from './rig.ts'

const CLEAN = { kind: 'verdict', verdict: { kind: 'clean' } }
const FLAGGED = { kind: 'verdict', verdict: { kind: 'flagged' } }
const failure = (reason: string, detail?: string) => ({
  kind: 'failure',
  reason,
  ...(detail === undefined ? {} : { detail }),
})
const said = (text: string): ScanSubject => input(`${TEXT_CANARY} ${text}`)

/** Each finding that has a place, as the text there. */
function placedTexts(outcome: Outcome, { segments }: ScanSubject): readonly (string | undefined)[] {
  if (outcome.kind === 'failure' || outcome.verdict.kind === 'clean') return [JSON.stringify(outcome)]
  return outcome.verdict.findings.map(
    ({ span }) => span && segments[span.segment]?.text.slice(span.start, span.end),
  )
}

/** Words of which every 1,000th can be told from all others. */
function longText(chars: number): string {
  const words = Array.from({ length: chars / 8 }, (_, index) =>
    index % 1000 === 0 ? `mark${index}x` : 'ordinary',
  )
  return words.join(' ')
}

describe.each(GUARD_KINDS)('$title', kind => {
  describe('what is judged', () => {
    test('clean text is clean, and flagged text is flagged by detectors that look like names', async () => {
      await using rig = await openKind(kind)
      expect(await rig.scan(said('all fine'))).toMatchObject(CLEAN)
      const outcome = await rig.scan(said(kind.flagged))
      expect(outcome).toMatchObject(FLAGGED)
      if (outcome.kind === 'failure' || outcome.verdict.kind === 'clean') throw new Error('not flagged')
      const { findings, breakdown = [], requestId = 'none' } = outcome.verdict
      expect(findings.length).toBeGreaterThan(0)
      for (const { detector } of [...findings, ...breakdown]) expect(detector).toMatch(/^[\w./:-]{1,128}$/)
      expect(requestId).toMatch(/^[\w./:-]{1,128}$/)
      // Whatever is found is told of as detected, too.
      const detected = new Set(breakdown.filter(one => one.detected).map(({ detector }) => detector))
      if (breakdown.length > 0) for (const { detector } of findings) expect(detected).toContain(detector)
    })

    test('an answer is judged as well', async () => {
      await using rig = await openKind(kind)
      const asked = { conversation: [segment('what is new?')], side: 'output' } as const
      expect(await rig.scan({ ...output(`${TEXT_CANARY} nothing`), ...asked, final: true })).toMatchObject(
        CLEAN,
      )
      expect(
        await rig.scan({ ...output(`${TEXT_CANARY} fine`, kind.flagged), ...asked, final: false }),
      ).toMatchObject(FLAGGED)
    })

    test('blank texts are clean without a request', async () => {
      await using rig = await openKind(kind)
      expect(await rig.scan(input('', ' \n\t'))).toMatchObject(CLEAN)
      expect(await rig.scan({ side: 'input', segments: [] })).toMatchObject(CLEAN)
      expect(rig.front.requests).toHaveLength(0)
    })

    test('a conversation with all its roles reaches the service whole', async () => {
      await using rig = await openKind(kind)
      const segments = [
        segment('said-by-system', { message: 0, role: 'system' }),
        segment('said-by-user', { message: 1, role: 'user' }),
        segment('said-by-assistant', { message: 2, role: 'assistant' }),
        segment('{"q":"said-to-tool"}', { message: 2, role: 'assistant', kind: 'tool-call' }),
        segment('said-by-tool', { message: 3, role: 'tool', kind: 'tool-result' }),
      ]
      expect(await rig.scan({ side: 'input', segments })).toMatchObject(CLEAN)
      const sent = rig.front.requests.map(({ body }) => body).join()
      for (const who of ['by-system', 'by-user', 'by-assistant', 'to-tool', 'by-tool'])
        expect(sent).toContain(`said-${who}`)
    })

    test('it is asked again by the same guardrail, in any order and at once', async () => {
      await using rig = await openKind(kind)
      const subjects = Array.from({ length: 12 }, (_, index) =>
        said(index % 3 === 0 ? kind.flagged : `fine ${index}`),
      )
      const outcomes = await Promise.all(subjects.map(subject => rig.scan(subject)))
      for (const [index, outcome] of outcomes.entries())
        expect(outcome).toMatchObject(index % 3 === 0 ? FLAGGED : CLEAN)
    })
  })

  describe('long and strange texts', () => {
    const marksIn = (text: string) => [...new Set(text.match(/mark\d+x/g))].sort()

    test('a text of five times its limit arrives whole, and is flagged by its last part', async () => {
      await using rig = await openKind(kind)
      const text = `${TEXT_CANARY} ${longText(5 * kind.limit)}`
      expect(await rig.scan(input(text))).toMatchObject(CLEAN)
      expect(rig.front.requests.length).toBeGreaterThan(3)
      expect(marksIn(rig.front.requests.map(({ body }) => body).join())).toEqual(marksIn(text))
      expect(await rig.scan(input(`${text} ${kind.flagged}`))).toMatchObject(FLAGGED)
      for (const { status } of rig.front.answers) expect(status).toBe(200)
    })

    test('300 texts arrive whole, and the last one counts', async () => {
      await using rig = await openKind(kind)
      const texts = Array.from({ length: 300 }, (_, index) => `mark${index}x says ${'so '.repeat(20)}`)
      const share =
        'short texts are to share a request: batchesOf in src/guardrail/pieces.ts puts them together'
      expect(await rig.scan(input(...texts)), share).toMatchObject(CLEAN)
      const sent = rig.front.requests.map(({ body }) => body).join()
      expect(marksIn(sent)).toEqual(marksIn(texts.join()))
      expect(await rig.scan(input(...texts, kind.flagged))).toMatchObject(FLAGGED)
      for (const { status } of rig.front.answers) expect(status).toBe(200)
    })

    test('a text that is blank for longer than a request is judged on both sides of it', async () => {
      await using rig = await openKind(kind)
      const blank = ' '.repeat(3 * kind.limit)
      expect(await rig.scan(input(`${TEXT_CANARY}${blank}mark0x`))).toMatchObject(CLEAN)
      const sent = rig.front.requests.map(({ body }) => body).join()
      expect(sent).toContain(TEXT_CANARY)
      expect(sent).toContain('mark0x')
      expect(await rig.scan(input(`${TEXT_CANARY}${blank}${kind.flagged}`))).toMatchObject(FLAGGED)
      for (const { status } of rig.front.answers) expect(status).toBe(200)
    })

    test('emoji, lone surrogates and control characters are judged like any text', async () => {
      await using rig = await openKind(kind)
      const strange = `${TEXT_CANARY} 👩🏽‍🚀 \ud83d \udc00 \u0000\u0007\u2028 ﷽`
      expect(await rig.scan(input(strange))).toMatchObject(CLEAN)
      expect(await rig.scan(input(`${strange} ${kind.flagged}`))).toMatchObject(FLAGGED)
      expect(await rig.scan(input('\ud83d', kind.flagged, '\udc00'))).toMatchObject(FLAGGED)
    })
  })

  describe('what goes wrong', () => {
    const faulty = async (fault: FrontFault, expected: object): Promise<void> => {
      await using rig = await openKind(kind, BARE)
      rig.front.fault = fault
      // Flagged text, so that taking the service's answer for granted would show as well.
      for (const text of ['all fine', kind.flagged]) {
        const outcome = await rig.scan(said(text))
        expect(outcome).toMatchObject(expected)
      }
    }

    test.each([400, 401, 403, 404, 409, 422])('status %i', status =>
      faulty({ kind: 'status', status }, failure('bad-response', 'status-4xx')),
    )
    test.each([500, 502, 503])('status %i', status =>
      faulty({ kind: 'status', status }, failure('bad-response', 'status-5xx')),
    )
    test('status 429, which asks for a pause', async () => {
      await using rig = await openKind(kind, BARE)
      rig.front.fault = { kind: 'status', status: 429, headers: { 'retry-after': '30' } }
      expect(await rig.scan(said('hi'))).toMatchObject(failure('rate-limited', 'status-4xx'))
      rig.front.fault = undefined
      expect(await rig.scan(said('hi'))).toMatchObject(failure('rate-limited', 'paused'))
      expect(rig.front.requests).toHaveLength(1)
    })
    test('a redirect, which is not followed', async () => {
      await using rig = await openKind(kind, BARE)
      rig.front.fault = { kind: 'redirect' }
      expect(await rig.scan(said('hi'))).toMatchObject(failure('bad-response', 'redirect'))
      expect(rig.front.requests.map(({ path }) => path)).not.toContain('/elsewhere')
    })
    test('a reset', () => faulty({ kind: 'reset' }, failure('unreachable', 'connection')))
    test('an answer that is cut', () => faulty({ kind: 'cut' }, failure('bad-response', 'truncated')))

    test('an answer that is too large', async () => {
      await using rig = await openKind(kind, BARE)
      await rig.scan(said('hi'))
      const clean = rig.front.answers[0]?.body ?? ''
      rig.front.fault = { kind: 'body', body: ' '.repeat(12 * 1024 * 1024) + clean }
      expect(await rig.scan(said('hi'))).toMatchObject(failure('bad-response', 'too-large'))
    })

    test('JSON that is cut short, wherever', async () => {
      await using rig = await openKind(kind, BARE)
      await rig.scan(said(kind.flagged))
      const whole = rig.front.answers[0]?.body ?? ''
      const step = Math.ceil(whole.length / 20)
      for (let length = 1; length < whole.length; length += step) {
        rig.front.fault = { kind: 'body', body: whole.slice(0, length) }
        expect(await rig.scan(said('hi'))).toMatchObject(failure('bad-response', 'not-json'))
      }
    })

    test.each([
      ['nothing', '', 'not-json'],
      ['HTML', '<html>Bad gateway</html>', 'not-json'],
      ['null', 'null', 'null'],
      ['an object without anything', '{}', 'wrong-shape'],
      ['a text', '"x"', 'wrong-shape'],
      ['a number', '0', 'wrong-shape'],
      ['false', 'false', 'wrong-shape'],
      ['a list of lists', '[[]]', 'wrong-shape'],
      ['an error', '{"error":{"message":"no"}}', 'wrong-shape'],
    ])('an answer of %s', (_, body, detail) =>
      faulty({ kind: 'body', body }, failure('bad-response', detail)),
    )
  })

  describe('the connection', () => {
    test('an abort by the caller is a cancellation, which ends the request', async () => {
      await using rig = await openKind(kind)
      rig.front.fault = { kind: 'hang' }
      const abort = new AbortController()
      const outcome = rig.scan(said('hi'), abort.signal)
      await rig.front.waitForRequests(1)
      abort.abort()
      expect(await outcome).toMatchObject(failure('cancelled'))
      await rig.front.hungUp
    })

    test('a service that never answers is a timeout, which ends the request', async () => {
      await using rig = await openKind(kind, { timeout: 250 })
      // With a connection there is nothing left that could take the time but the answer.
      expect(await rig.scan(said('hi'))).toMatchObject(CLEAN)
      rig.front.fault = { kind: 'hang' }
      expect(await rig.scan(said('hi'))).toMatchObject(failure('timeout', 'timeout-first-byte'))
      await rig.front.hungUp
    })

    test('a service that is not there is unreachable', async () => {
      await using rig = await openKind(kind)
      await rig.front.close()
      expect(await rig.scan(said('hi'))).toMatchObject(failure('unreachable', 'connection'))
    })

    test('a certificate that nobody vouches for is refused, unless the config says otherwise', async () => {
      const tls = selfSigned()
      {
        await using rig = await openKind(kind, BARE, { tls })
        expect(await rig.scan(said('hi'))).toMatchObject(failure('unreachable', 'tls'))
        expect(rig.front.requests).toHaveLength(0)
      }
      await using rig = await openKind(kind, { ...BARE, ssl_verify: false }, { tls })
      expect(await rig.scan(said('hi'))).toMatchObject(CLEAN)
    })

    test('a failure of the moment is mended by a second request', async () => {
      await using rig = await openKind(kind)
      rig.front.fault = { kind: 'status', status: 503 }
      const outcome = rig.scan(said(kind.flagged))
      await rig.front.waitForRequests(1)
      rig.front.fault = undefined
      expect(await outcome).toMatchObject(FLAGGED)
    })
  })
})

test('every kind that asks a service has a row', async () => {
  const { guardrailKinds } = await import('../../src/guardrail/registry.ts')
  const remote = Object.entries(guardrailKinds).flatMap(([name, { locality }]) =>
    locality === 'remote' ? [name] : [],
  )
  const tested = new Set(GUARD_KINDS.map((kind: GuardKind) => kind.config('http://127.0.0.1').kind))
  expect([...tested].sort(), 'its row goes into test/support/guard-kinds.ts').toEqual(remote.sort())
})

const placing = GUARD_KINDS.flatMap(kind =>
  kind.placed === undefined ? [] : [{ ...kind, placed: kind.placed }],
)

test.each(placing)('$title: what has a place has the right one', async kind => {
  await using rig = await openKind(kind)
  const { placed } = kind
  const short = input('👩🏽‍🚀 first', `${TEXT_CANARY} 😀 é ${placed} 😀 and on`, 'last')
  expect(placedTexts(await rig.scan(short), short)).toEqual([placed])
  const long = input('first', `😀 ${longText(5 * kind.limit)} 😀 ${placed} end`)
  expect(new Set(placedTexts(await rig.scan(long), long))).toEqual(new Set([placed]))
})

// Presidio answers clean text with it.
const emptyIsWrong = GUARD_KINDS.filter(kind => kind.title !== 'presidio')

test.each(emptyIsWrong)('$title: an empty list is no verdict', async kind => {
  await using rig = await openKind(kind, BARE)
  rig.front.fault = { kind: 'body', body: '[]' }
  expect(await rig.scan(said('hi'))).toMatchObject(failure('bad-response', 'wrong-shape'))
})
