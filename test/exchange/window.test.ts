import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { ScanProgress } from '../../src/guardrail/guardrail.ts'
import type { Policy, Rule } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { CHAT_HEADERS, chatEvents, chatRequest, readChatStream, STREAM_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import {
  CLEAN,
  FLAGGED,
  flagWordAsItGrows,
  policy,
  policySet,
  remoteGuardrail,
  rule,
} from '../support/policies.ts'

const windowed = { ...policy().stream, delivery: 'window' as const }

function streaming(
  outputRules: Rule[],
  stream: Partial<Policy['stream']> = {},
  mode: BodyMode = 'full-duplex',
) {
  const overrides = { outputRules, stream: { ...windowed, ...stream } }
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello', { stream: true }), 'end')
  envoy.headers('response', STREAM_ANSWER)
  return envoy
}

const seen = (envoy: EnvoyModel): string => readChatStream(envoy.response.bytes).text
const scanned = (envoy: EnvoyModel): string[] =>
  envoy.scans.flatMap(scan => scan.subject.segments.map(segment => segment.text))

describe('a stream released by window, local rules that scan as the text grows', () => {
  test('lets each event go as soon as no finding can begin in it', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'))])
    const [role, one, two, three, finish, done] = chatEvents('all ', 'is se', 'ttled')
    envoy.body('response', role!)
    expect(envoy.response.bytes).toHaveLength(0)
    envoy.body('response', one!)
    expect(envoy.response.bytes.toString()).toBe(`${role}${one}`)
    envoy.body('response', two!)
    expect(seen(envoy)).toBe('all ')
    envoy.body('response', three!)
    expect(seen(envoy)).toBe('all is settled')
    envoy.body('response', `${finish}${done}`, 'end')
    expect(envoy.response.bytes.toString()).toBe(chatEvents('all ', 'is se', 'ttled').join(''))
    expect(envoy.records.at(-1)).toMatchObject({
      effective: 'released',
      because: 'clean',
      delivery: 'window',
      rules: [{ guardrail: 'flags-secret', outcome: 'clean' }],
    })
  })

  test('refuses at the finding, with nothing of it out, and ends the stream at once', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'))])
    for (const event of chatEvents('the ', 'sec', 'ret')) envoy.body('response', event)
    expect(readChatStream(envoy.response.bytes)).toMatchObject({
      finish: 'content_filter',
      done: 1,
      roles: 1,
    })
    expect(seen(envoy)).toMatch(/^the \s*Response blocked by policy$/)
    expect(envoy.response.endOut).toBe(true)
  })

  test('denies for real while nothing was released, with headers on_first_release', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'))], { headers: 'on_first_release' })
    for (const event of chatEvents('secret')) envoy.body('response', event)
    expect(envoy.localReply?.headers['x-weir-reason']).toBe('flagged')
  })

  test('redacts a finding that is spread over events, and touches no other byte', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'), 'redact')])
    const events = chatEvents('a sec', 're', 't and a secret', ' more')
    for (const event of events) envoy.body('response', event)
    envoy.body('response', '', 'end')
    expect(envoy.response.bytes.toString()).toBe(
      chatEvents('a <WORD>', '', ' and a <WORD>', ' more').join(''),
    )
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'redacted', because: 'flagged' })
  })

  test('fails closed, or open, when the scan throws', () => {
    const broken = {
      ...flagWordAsItGrows('x'),
      openScan: () => ({
        push(): never {
          throw new Error('broken')
        },
        end(): never {
          throw new Error('broken')
        },
      }),
    }
    const closed = streaming([rule(broken)])
    for (const event of chatEvents('fine')) closed.body('response', event)
    expect(seen(closed)).toBe('Response blocked by policy')
    const open = streaming([rule(broken, 'block', 'fail-open')])
    for (const event of chatEvents('fine', 'too')) open.body('response', event)
    open.body('response', '', 'end')
    expect(open.response.bytes.toString()).toBe(chatEvents('fine', 'too').join(''))
    expect(open.records.at(-1)).toMatchObject({ because: 'failed-open', rules: [{ reason: 'internal' }] })
  })

  test('holds a tool call until all of it was judged, and never leaves a denied one complete', () => {
    const call = (args: string): string =>
      `data: ${JSON.stringify({
        object: 'chat.completion.chunk',
        choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: args } }] } }],
      })}\n\n`
    const finish = `data: ${JSON.stringify({
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }],
    })}\n\n`
    const fine = streaming([rule(flagWordAsItGrows('secret'))])
    fine.body('response', call('{"a":'))
    fine.body('response', call('1}'))
    expect(fine.response.bytes).toHaveLength(0)
    fine.body('response', finish)
    expect(fine.response.bytes.toString()).toBe(call('{"a":') + call('1}') + finish)
    const denied = streaming([rule(flagWordAsItGrows('secret'))])
    for (const event of [call('{"a":'), call('"secret"}'), finish]) denied.body('response', event)
    expect(denied.response.bytes.toString()).not.toContain('tool_calls')
    expect(readChatStream(denied.response.bytes).finish).toBe('content_filter')
  })
})

describe('a stream released by window, rules that scan by windows', () => {
  const remote = [rule(remoteGuardrail())]

  test('is scanned at the first sentence end, then by windows that grow', () => {
    const envoy = streaming(remote)
    for (const event of chatEvents('Hello', ' there.')) envoy.body('response', event)
    expect(scanned(envoy)).toEqual(['Hello there.'])
  })

  test('is scanned after a while, whatever there is', () => {
    const envoy = streaming(remote)
    envoy.body('response', chatEvents('Hello')[1]!)
    expect(envoy.windows).toEqual([1000])
    envoy.step({ kind: 'window-due' })
    expect(scanned(envoy)).toEqual(['Hello'])
    envoy.answerScan(CLEAN)
    envoy.body('response', chatEvents(' again')[1]!)
    expect(envoy.windows).toEqual([1000, 2000])
  })

  test('keeps the newest characters back until more has come, and shows them again', () => {
    const envoy = streaming(remote, { holdBackChars: 10 })
    const text = 'a'.repeat(90)
    envoy.body('response', chatEvents(...text)[0]!)
    for (const event of chatEvents(...text).slice(1, 91)) envoy.body('response', event)
    envoy.answerScan(CLEAN)
    expect(seen(envoy).length).toBe(70)
    envoy.body('response', chatEvents('b')[1]!)
    envoy.body('response', '', 'end')
    expect(scanned(envoy)[0]).toBe(`${'a'.repeat(90)}b`)
    expect(envoy.windowChars).toEqual([80, 11])
    envoy.answerScan(CLEAN)
    expect(seen(envoy)).toBe(`${text}b`)
  })

  test('gathers the next window while one scan is on its way', () => {
    const envoy = streaming(remote)
    for (const event of chatEvents('One.', ' Two.', ' Three.')) envoy.body('response', event)
    expect(scanned(envoy)).toEqual(['One.'])
    expect(envoy.response.bytes).toHaveLength(0)
  })

  test('costs at most 16 scans for 20,000 characters that come at once', () => {
    const envoy = streaming(remote)
    let scans = 0
    for (const event of chatEvents(...Array.from({ length: 4000 }, (_, i) => `w${i % 1000} `.padEnd(5)))) {
      envoy.body('response', event)
      for (; envoy.scans.length > 0; scans++) envoy.answerScan(CLEAN)
    }
    envoy.body('response', '', 'end')
    for (; envoy.scans.length > 0; scans++) envoy.answerScan(CLEAN)
    expect(seen(envoy)).toHaveLength(20_000)
    expect(scans).toBeLessThanOrEqual(16)
  })

  test('is refused in the stream when a later window is flagged', () => {
    const envoy = streaming(remote, { holdBackChars: 0 })
    for (const event of chatEvents('Fine.', ' Not so fine.')) envoy.body('response', event)
    envoy.answerScan(CLEAN)
    envoy.body('response', '', 'end')
    envoy.answerScan(FLAGGED)
    expect(seen(envoy)).toMatch(/^Fine\.\s*Response blocked by policy$/)
    expect(readChatStream(envoy.response.bytes)).toMatchObject({ finish: 'content_filter', done: 1 })
  })

  test('shows remote rules what local ones have redacted, and only that', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'), 'redact'), ...remote])
    for (const event of chatEvents('my sec', 'ret.', ' now se')) envoy.body('response', event)
    expect(scanned(envoy)).toEqual(['my <WORD>.'])
  })

  test('redacts where a rule that scans by windows says so, in the places of the original', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'), 'redact'), rule(remoteGuardrail(), 'redact')])
    for (const event of chatEvents('a secret and a name.')) envoy.body('response', event)
    const text = scanned(envoy)[0] ?? ''
    const start = text.indexOf('name')
    const span = { segment: 0, start, end: start + 4 }
    envoy.answerScan({
      kind: 'verdict',
      verdict: { kind: 'flagged', findings: [{ detector: 'pii/person', span }] },
      ms: 1,
    })
    envoy.body('response', '', 'end')
    expect(seen(envoy)).toBe('a <WORD> and a <PERSON>.')
  })
})

test('a withheld stream is redacted too', () => {
  for (const mode of ENVOY_MODES) {
    const envoy = streaming([rule(flagWordAsItGrows('secret'), 'redact')], { delivery: 'withhold' }, mode)
    envoy.body('response', chatEvents('a sec', 'ret').join(''), 'end')
    expect(envoy.response.bytes.toString()).toBe(chatEvents('a <WORD>', '').join(''))
  }
})

test.each(ENVOY_MODES)(
  'a withheld stream is judged once and whole, whatever ends in it meanwhile (%s)',
  mode => {
    const envoy = streaming([rule(remoteGuardrail())], { delivery: 'withhold' }, mode)
    const [role, one, two, ...end] = chatEvents('One.', ' Two.')
    const begun = [role, one, two].join('')
    if (mode === 'buffered') envoy.body('response', [begun, ...end].join(''), 'end')
    else {
      envoy.body('response', begun)
      envoy.step({ kind: 'window-due' })
      expect([scanned(envoy), envoy.windows]).toEqual([[], []])
      envoy.body('response', end.join(''), 'end')
    }
    expect(scanned(envoy)).toEqual(['One. Two.'])
  },
)

test('what leads the first text goes at the cap, where nothing of it is to be judged', () => {
  const empty = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: null }] })}\n\n`
  const envoy = streaming([rule(remoteGuardrail())], { maxHeldBytes: 3 * empty.length })
  for (let count = 0; count < 3; count++) envoy.body('response', empty)
  expect(envoy.response.bytes).toHaveLength(0)
  envoy.body('response', empty)
  expect(envoy.response.bytes.toString()).toBe(empty.repeat(4))
  envoy.body('response', chatEvents('fine').join(''), 'end')
  envoy.answerScan(CLEAN)
  expect(envoy.response.bytes.toString()).toBe(empty.repeat(4) + chatEvents('fine').join(''))
})

test('a finding that begins in what has gone denies the rest: it cannot be redacted any more', () => {
  let length = 0
  const late = (text: string): ScanProgress => {
    const begins = length > 0
    length += text.length
    const finding = { detector: 'test/word', span: { segment: 0, start: 0, end: length } }
    return { findings: begins && text !== '' ? [finding] : [], safeTo: length }
  }
  const guardrail = { ...flagWordAsItGrows('x'), openScan: () => ({ push: late, end: () => late('') }) }
  const envoy = streaming([rule(guardrail, 'redact')])
  for (const event of chatEvents('one ', 'two')) envoy.body('response', event)
  expect(seen(envoy)).toMatch(/^one \s*Response blocked by policy$/)
  expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', because: 'flagged' })
})

describe('for any cut of the bytes and any text', () => {
  const tokens = fc.array(fc.constantFrom('fine ', 'sec', 'ret ', 'se', 'é😀', 'secret'), { maxLength: 15 })
  const mode = fc.constantFrom<BodyMode>('full-duplex', 'streamed')

  test('no character of a finding leaves, and clean text arrives byte for byte', () => {
    fc.assert(
      fc.property(mode, tokens, fc.array(fc.nat(), { maxLength: 30 }), (how, words, places) => {
        const stream = Buffer.from(chatEvents(...words).join(''))
        const envoy = streaming([rule(flagWordAsItGrows('secret'))], {}, how)
        const cuts = [...new Set(places.map(place => place % (stream.length + 1)))].sort((a, b) => a - b)
        let from = 0
        for (const to of [...cuts, stream.length]) {
          envoy.body('response', stream.subarray(from, to))
          from = to
        }
        envoy.body('response', '', 'end')
        const text = words.join('')
        const flaggedAt = text.indexOf('secret')
        if (flaggedAt < 0) expect(envoy.response.bytes.equals(stream)).toBe(true)
        else {
          const [out] = seen(envoy).split('Response blocked by policy')
          expect(text.slice(0, flaggedAt).startsWith(out!.replace(/\n\n$/, ''))).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('redaction gives the same text however the tokens and the bytes fall', () => {
    fc.assert(
      fc.property(tokens, words => {
        const envoy = streaming([rule(flagWordAsItGrows('secret'), 'redact')])
        for (const event of chatEvents(...words)) envoy.body('response', event)
        envoy.body('response', '', 'end')
        expect(seen(envoy)).toBe(words.join('').replaceAll('secret', '<WORD>'))
      }),
      { numRuns: 300 },
    )
  })
})
