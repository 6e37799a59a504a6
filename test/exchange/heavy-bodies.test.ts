import { describe, expect, test } from 'vitest'
import { MAX_TEXTS, type ReadResult } from '../../src/exchange/body-reading.ts'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { CHAT_HEADERS, chatRequest, JSON_ANSWER, STREAM_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

const BROKE: ReadResult = { kind: 'fault', reason: 'internal' }

/** Takes long to read, for its keys that no other object has, and to change, for its length. */
const KEYS = `${Array.from({ length: 40_000 }, (_, index) => `"k${index}":0`).join(',')},"":"${'x'.repeat(1_048_576)}"`
const heavyRequest = (content: string) => `{"messages":[{"content":"${content}"}],"model":"m","k":{${KEYS}}}`
const heavyAnswer = (content: string) =>
  `{"choices":[{"message":{"role":"assistant","content":"${content}"}}],"k":{${KEYS}}}`

/** An exchange whose heavy bodies the test has read itself. */
function exchange(mode: BodyMode, overrides: Partial<Policy>): EnvoyModel {
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode })
  envoy.holdsReads = true
  return envoy
}

function asked(mode: BodyMode, overrides: Partial<Policy>, body = heavyRequest('a secret')): EnvoyModel {
  const envoy = exchange(mode, overrides)
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', body, 'end')
  return envoy
}

function answered(mode: BodyMode, overrides: Partial<Policy>, body = heavyAnswer('a secret')): EnvoyModel {
  const envoy = asked(mode, overrides, chatRequest('hello'))
  envoy.headers('response', JSON_ANSWER)
  envoy.body('response', body, 'end')
  return envoy
}

/** With few keys, for those who read what failed. */
const shown = (text: string) => text.replace(KEYS, '…')
const sent = (envoy: EnvoyModel) => shown(envoy.request.bytes.toString())
const got = (envoy: EnvoyModel) => shown(envoy.response.bytes.toString())

describe.each(ENVOY_MODES)('a heavy request (%s)', mode => {
  const finds = { inputRules: [rule(flagWord('secret'))] }
  const clean = { inputRules: [rule(flagWord('absent'))] }
  const redacts = { inputRules: [rule(flagWord('secret'), 'redact')] }
  const forgives = { inputRules: [rule(flagWord('secret'), 'redact', 'fail-open')] }

  test('waits until it was read, then goes as it came', () => {
    const envoy = asked(mode, clean)
    expect([sent(envoy), envoy.localReply, envoy.records]).toEqual(['', undefined, []])
    envoy.answerRead()
    expect(sent(envoy)).toBe(shown(heavyRequest('a secret')))
    expect(envoy.request.endOut).toBe(true)
    expect(envoy.records).toMatchObject([{ effective: 'released', because: 'clean' }])
  })

  test('is denied for what was read in it', () => {
    const envoy = asked(mode, finds)
    envoy.answerRead()
    expect(envoy.localReply?.status).toBe(200)
    expect(sent(envoy)).toBe('')
    expect(envoy.records).toMatchObject([{ effective: 'denied', because: 'flagged' }])
  })

  test('that could not be read is refused, or passes where every rule forgives', () => {
    const refused = asked(mode, finds)
    refused.answerRead(BROKE)
    expect([refused.localReply?.status, sent(refused)]).toEqual([503, ''])
    const passed = asked(mode, forgives)
    passed.answerRead(BROKE)
    expect(sent(passed)).toBe(shown(heavyRequest('a secret')))
    expect(passed.request.endOut).toBe(true)
    expect(passed.records).toMatchObject([{ effective: 'released', because: 'failed-open' }])
  })

  test('is redacted elsewhere, and waits for that as well', () => {
    const envoy = asked(mode, redacts)
    envoy.answerRead()
    expect([sent(envoy), envoy.reads.length]).toEqual(['', 1])
    envoy.answerRead()
    expect(sent(envoy)).toBe(shown(heavyRequest('a <WORD>')))
    expect(envoy.records).toMatchObject([{ effective: 'redacted' }])
  })

  test('that could not be redacted never goes, whatever the rules forgive', () => {
    const envoy = asked(mode, forgives)
    envoy.answerRead()
    envoy.answerRead(BROKE)
    expect(sent(envoy)).toBe('')
    expect(envoy.records).toMatchObject([{ effective: 'denied', because: 'failed-closed' }])
  })

  test('is accounted for once when its call ends before it was read', () => {
    const envoy = asked(mode, finds)
    envoy.step({ kind: 'closed' })
    envoy.answerRead()
    expect(envoy.records).toMatchObject([{ effective: 'discarded', because: 'cancelled' }])
    expect(sent(envoy)).toBe('')
  })

  test('that is judged while it goes holds the response until it was read', () => {
    const envoy = asked(mode, { parallelRules: [rule(flagWord('secret'))] })
    expect(sent(envoy)).toBe(shown(heavyRequest('a secret')))
    envoy.headers('response', JSON_ANSWER)
    expect([envoy.response.headersOut, envoy.localReply]).toEqual([false, undefined])
    envoy.answerRead()
    expect(envoy.records).toMatchObject([{ effective: 'denied', because: 'flagged' }])
    expect(got(envoy)).toBe('')
  })

  test('that is judged while it goes, and could not be read, lets no response go', () => {
    const envoy = asked(mode, { parallelRules: [rule(remoteGuardrail())] })
    envoy.headers('response', JSON_ANSWER)
    envoy.answerRead(BROKE)
    expect(envoy.localReply?.status).toBe(503)
    expect(got(envoy)).toBe('')
  })

  test('has at most so many texts', () => {
    const texts = Array.from({ length: MAX_TEXTS + 1 }, () => '{"content":"x"}')
    const envoy = asked(mode, clean, `{"messages":[${texts.join(',')}]}`)
    envoy.answerRead()
    expect(envoy.localReply?.status).toBe(413)
    const most = `{"messages":[${texts.slice(1).join(',')}]}`
    const passed = asked(mode, clean, most)
    passed.answerRead()
    expect(sent(passed) === most).toBe(true)
  })

  test('is written anew elsewhere', () => {
    const envoy = asked(mode, { ...clean, canonicalize: true }, ` ${heavyRequest('x')} `)
    envoy.answerRead()
    expect(sent(envoy)).toBe(shown(heavyRequest('x')))
  })
})

describe.each(ENVOY_MODES)('a heavy answer (%s)', mode => {
  const redacts = { outputRules: [rule(flagWord('secret'), 'redact')] }
  const forgives = { outputRules: [rule(flagWord('secret'), 'redact', 'fail-open')] }

  test('waits until it was read, and until it was redacted', () => {
    const envoy = answered(mode, redacts)
    expect(got(envoy)).toBe('')
    envoy.answerRead()
    expect(got(envoy)).toBe('')
    envoy.answerRead()
    expect(got(envoy)).toBe(shown(heavyAnswer('a <WORD>')))
  })

  test('that could not be read is refused, or passes where every rule forgives', () => {
    const refused = answered(mode, redacts)
    refused.answerRead(BROKE)
    expect(refused.records.at(-1)).toMatchObject({ effective: 'denied', because: 'failed-closed' })
    expect(got(refused)).not.toContain('secret')
    const passed = answered(mode, forgives)
    passed.answerRead(BROKE)
    expect(got(passed)).toBe(shown(heavyAnswer('a secret')))
  })

  test.each(['its time is over', 'the reader breaks'])('that is being redacted never goes when %s', why => {
    const envoy = answered(mode, forgives)
    envoy.answerRead()
    if (why === 'its time is over') envoy.step({ kind: 'deadline' })
    envoy.answerRead(why === 'its time is over' ? undefined : BROKE)
    expect(got(envoy)).not.toContain('secret')
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', because: 'failed-closed' })
  })

  test('whose time was over before it was read is not read any more', () => {
    const envoy = answered(mode, redacts)
    envoy.step({ kind: 'deadline' })
    envoy.answerRead()
    expect(envoy.reads).toEqual([])
    expect(envoy.records.filter(({ phase }) => phase === 'response')).toMatchObject([
      { effective: 'denied', because: 'failed-closed' },
    ])
    expect(got(envoy)).not.toContain('secret')
  })
})

test.each([JSON_ANSWER, STREAM_ANSWER])(
  'a copy of an answer is read after its call is over (%o)',
  headers => {
    const outputRules = [rule(flagWord('secret'), 'alert', 'fail-open')]
    const envoy = asked('full-duplex', { outputRules }, chatRequest('hello'))
    envoy.headers('response', headers)
    const event = 'data: {"choices":[{"delta":{"content":"a secret"}}]}\n\n'
    const body = headers === JSON_ANSWER ? heavyAnswer('a secret') : event.repeat(4000)
    envoy.body('response', body, 'end')
    envoy.step({ kind: 'closed' })
    expect(got(envoy) === shown(body)).toBe(true)
    expect(envoy.records).toEqual([])
    envoy.answerRead()
    expect(envoy.records).toMatchObject([{ effective: 'released', because: 'alerted' }])
  },
)
