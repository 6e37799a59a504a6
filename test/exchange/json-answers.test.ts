import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest, JSON_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import {
  CLEAN,
  flagWord,
  flagWordAsItGrows,
  policy,
  policySet,
  remoteGuardrail,
  rule,
} from '../support/policies.ts'

const forgiving = { outputRules: [rule(flagWord('secret'), 'block', 'fail-open')] }

const remote = { outputRules: [rule(remoteGuardrail())] }
const TIME_IS_OVER = { kind: 'deadline' } as const
const fine = chatCompletion('fine')
const gzip = { ...JSON_ANSWER, 'content-encoding': 'gzip' }

/** An exchange whose request has gone through, and whose JSON answer has begun. */
function answering(
  mode: BodyMode,
  overrides: Partial<Policy>,
  headers: Record<string, string> = JSON_ANSWER,
  asked = 'hello',
): EnvoyModel {
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest(asked), 'end')
  envoy.headers('response', headers)
  return envoy
}

const responseRecords = (envoy: EnvoyModel) => envoy.records.filter(record => record.phase === 'response')

test.each(ENVOY_MODES)('parts that no guard can read obey uninspectable: deny (%s)', mode => {
  const sound = { role: 'assistant', content: 'fine', audio: { data: 'UklGRg==' } }
  const body = JSON.stringify({ choices: [{ index: 0, message: sound, finish_reason: 'stop' }] })
  const envoy = answering(mode, { outputRules: [rule(flagWord('secret'))], uninspectable: 'deny' })
  envoy.body('response', body, 'end')
  const seen = Buffer.from(envoy.localReply?.body ?? envoy.response.bytes).toString()
  expect(seen).toContain('Response blocked by policy')
  expect(seen).not.toContain('UklGRg')
  expect(responseRecords(envoy)).toMatchObject([{ effective: 'denied', because: 'uninspectable' }])
})

test('a client that goes while the rest of an unread answer passes: what had gone is recorded', () => {
  const limits = { maxRequestBytes: 10_000, maxResponseBytes: 20 }
  const envoy = answering('full-duplex', { ...forgiving, limits })
  const begun = chatCompletion('fine').slice(0, 40)
  envoy.body('response', begun)
  envoy.step({ kind: 'closed' })
  expect(responseRecords(envoy)).toMatchObject([
    { effective: 'released', because: 'failed-open', bytesReleased: begun.length },
  ])
})

test('in STREAMED each chunk of a gathered answer is answered as it comes, but the last', () => {
  const envoy = answering('streamed', remote)
  envoy.body('response', fine.slice(0, 40))
  expect(envoy.response.owed).toEqual([])
  envoy.body('response', fine.slice(40), 'end')
  expect(envoy.response.owed).toEqual(['body'])
  envoy.answerScan(CLEAN)
  expect(envoy.response.bytes.toString()).toBe(fine)
})

test('what comes behind the length that was announced is not judged, and does not go', () => {
  const headers = { ...JSON_ANSWER, 'content-length': String(fine.length) }
  const envoy = answering('streamed', remote, headers)
  envoy.body('response', fine)
  expect(envoy.scans).toHaveLength(1)
  envoy.body('response', 'secret', 'end')
  envoy.answerScan(CLEAN)
  expect(envoy.response.bytes.toString()).toBe(fine)
})

describe.each(ENVOY_MODES)('an answer whose time is over (%s)', mode => {
  test('before anything of it came passes nevertheless where that is forgiven', () => {
    const envoy = answering(mode, forgiving)
    envoy.step(TIME_IS_OVER)
    envoy.body('response', fine, 'end')
    expect([envoy.ended, envoy.response.bytes.toString()]).toEqual([undefined, fine])
    expect(responseRecords(envoy)).toMatchObject([{ effective: 'released', because: 'failed-open' }])
  })

  test.each([
    ['forgiven', forgiving],
    ['refused', { outputRules: [rule(flagWord('secret'))] }],
  ])('after it has gone is nothing to anybody, were it to be %s', (_, overrides) => {
    const envoy = answering(mode, overrides)
    envoy.body('response', fine, 'end')
    envoy.step(TIME_IS_OVER)
    envoy.step({ kind: 'closed' })
    expect([envoy.ended, envoy.response.bytes.toString()]).toEqual([undefined, fine])
    expect(responseRecords(envoy)).toMatchObject([{ effective: 'released', because: 'clean' }])
  })

  test('while it is judged is refused, whatever the verdict is that comes then', () => {
    const envoy = answering(mode, remote)
    envoy.body('response', fine, 'end')
    envoy.step(TIME_IS_OVER)
    const said = Buffer.from(envoy.localReply?.body ?? envoy.response.bytes).toString()
    envoy.answerScan(CLEAN)
    expect(Buffer.from(envoy.localReply?.body ?? envoy.response.bytes).toString()).toBe(said)
    expect(said).not.toContain('fine')
    expect(responseRecords(envoy)).toMatchObject([{ effective: 'denied', because: 'failed-closed' }])
  })
})

test('why an answer could not be read is recorded', () => {
  const large = chatCompletion('x'.repeat(10_000))
  const limits = { maxRequestBytes: 10_000, maxResponseBytes: 5000 }
  const envoy = answering('full-duplex', { outputRules: [rule(flagWord('secret'))], limits }, gzip)
  envoy.body('response', gzipSync(large), 'end')
  expect(responseRecords(envoy)).toMatchObject([{ effective: 'denied', bodyFault: 'over-limit' }])
})

test.each(['skip', 'warn', 'error'] as const)(
  'an answer of which nothing is text, fail_mode: %s',
  failMode => {
    const message = { role: 'assistant', content: null, audio: { data: 'UklGRg==' } }
    const body = JSON.stringify({ choices: [{ index: 0, message, finish_reason: 'stop' }] })
    const envoy = answering('full-duplex', { outputRules: [rule(flagWord('secret'))], failMode })
    envoy.body('response', body, 'end')
    const passes = failMode !== 'error'
    expect(envoy.response.bytes.toString()).toBe(passes ? body : '')
    expect(responseRecords(envoy)).toMatchObject([
      { effective: passes ? 'released' : 'denied', because: 'unsupported' },
    ])
    expect([envoy.counts, envoy.keptBytes]).toEqual([['uninspectable', 'unsupported'], 0])
  },
)

describe.each(ENVOY_MODES)('of a coded answer (%s)', mode => {
  const kept = (overrides: Partial<Policy>): EnvoyModel => {
    const envoy = answering(mode, overrides, gzip)
    envoy.body('response', gzipSync(fine), 'end')
    return envoy
  }

  test.each([TIME_IS_OVER, { kind: 'closed' } as const])(
    'both forms are kept while it is judged, and neither after %o',
    ended => {
      const envoy = kept(remote)
      expect(envoy.keptBytes).toBe(gzipSync(fine).length + fine.length)
      envoy.step(ended)
      expect(envoy.keptBytes).toBe(0)
    },
  )

  test('its text is kept while rules that only watch look at it', () => {
    const alert = rule(remoteGuardrail(), 'alert', 'fail-open')
    const envoy = kept({ outputRules: [rule(flagWord('secret')), alert] })
    expect(envoy.response.endOut).toBe(true)
    expect(envoy.keptBytes).toBe(fine.length)
    envoy.step({ kind: 'closed' })
    expect(responseRecords(envoy)).toEqual([])
    envoy.answerScan(CLEAN)
    expect(envoy.keptBytes).toBe(0)
    expect(responseRecords(envoy)).toMatchObject([{ effective: 'released', because: 'clean' }])
  })
})

test('what is put back into the arguments of a tool call is escaped as JSON wants it', () => {
  const redact = { kind: 'replace', restore: true } as const
  const inputRules = [{ ...rule(flagWordAsItGrows('"name"'), 'redact'), redact }]
  const envoy = answering('full-duplex', { inputRules }, JSON_ANSWER, 'my "name"')
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{"to":"<WORD_1>"}' } }
  const message = { role: 'assistant', content: null, tool_calls: [call] }
  envoy.body('response', JSON.stringify({ choices: [{ index: 0, message }] }), 'end')
  const [choice] = JSON.parse(envoy.response.bytes.toString()).choices
  expect(JSON.parse(choice.message.tool_calls[0].function.arguments)).toEqual({ to: '"name"' })
})
