import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import { contentCodings } from '../../src/coding/codings.ts'
import { BodyGate } from '../../src/exchange/body-gate.ts'
import type { BodyMode, Effect, ExchangeEvent } from '../../src/exchange/events.ts'
import { Exchange } from '../../src/exchange/exchange.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import {
  CHAT_HEADERS,
  chatCompletion,
  chatEvents,
  chatRequest,
  JSON_ANSWER,
  readChatStream,
  STREAM_ANSWER,
} from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { CLEAN, FLAGGED, flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

const blocking = { outputRules: [rule(flagWord('secret'))] }
const forgiving = { outputRules: [rule(flagWord('secret'), 'block', 'fail-open')] }
const SMALL_LIMITS = { maxRequestBytes: 10_000, maxResponseBytes: 50 }

/** An exchange whose streaming request has gone through. */
function answered(mode: BodyMode, overrides: Partial<Policy>): EnvoyModel {
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello', { stream: true }), 'end')
  return envoy
}

/** An exchange of which only the response is seen. */
function unasked(mode: BodyMode, overrides: Partial<Policy>): EnvoyModel {
  return new EnvoyModel(policySet(policy(overrides)), { mode })
}

const received = (envoy: EnvoyModel): Buffer => Buffer.from(envoy.localReply?.body ?? envoy.response.bytes)
const responseRecords = (envoy: EnvoyModel) => envoy.records.filter(record => record.phase === 'response')

describe('no byte leaves uninspected', () => {
  const sound = `data: ${JSON.stringify({
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: { role: 'assistant', audio: { data: 'UklGRg==' } } }],
  })}\n\n`

  test.each(ENVOY_MODES)(
    'an event stream with parts that no guard can read obeys uninspectable: deny (%s)',
    mode => {
      const envoy = answered(mode, { ...blocking, uninspectable: 'deny' })
      envoy.headers('response', STREAM_ANSWER)
      envoy.body('response', [sound, ...chatEvents('fine')].join(''), 'end')
      expect(received(envoy).toString()).not.toContain('UklGRg')
      expect(readChatStream(received(envoy)).text).toBe('Response blocked by policy')
      expect(responseRecords(envoy)).toMatchObject([{ effective: 'denied', because: 'uninspectable' }])
    },
  )

  test('an event stream of nothing but such parts obeys fail_mode: error', () => {
    const envoy = answered('buffered', { ...blocking, failMode: 'error' })
    envoy.headers('response', STREAM_ANSWER)
    envoy.body('response', `${sound}data: [DONE]\n\n`, 'end')
    expect(envoy.localReply?.status).toBe(500)
  })

  test('an event stream of nothing but such parts is never recorded as clean', () => {
    const envoy = answered('full-duplex', blocking)
    envoy.headers('response', STREAM_ANSWER)
    envoy.body('response', `${sound}data: [DONE]\n\n`, 'end')
    expect(responseRecords(envoy)).toMatchObject([{ effective: 'released', because: 'unsupported' }])
  })

  test.each(ENVOY_MODES)(
    'an encoded answer to a request never seen is a fault, not a matter of fail_mode (%s)',
    mode => {
      const envoy = unasked(mode, blocking)
      envoy.headers('response', { ...JSON_ANSWER, 'content-encoding': 'gzip' })
      envoy.body('response', Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4]), 'end')
      expect(envoy.response.bytes.includes(0x8b)).toBe(false)
      expect(responseRecords(envoy)).toMatchObject([{ effective: 'denied', because: 'failed-closed' }])
    },
  )

  test.each(ENVOY_MODES)(
    'an answer cut inside its JSON whose request was never seen is a fault (%s)',
    mode => {
      const envoy = unasked(mode, blocking)
      envoy.headers('response', JSON_ANSWER)
      envoy.body('response', chatCompletion('a secret').slice(0, -1), 'end')
      expect(received(envoy).toString()).not.toContain('secret')
    },
  )

  test('a policy is found by the normalised path also when only the response is seen', () => {
    const matched = policy({ ...blocking, match: { paths: ['/v1/chat/'] } })
    for (const path of ['/v1/chat/completions', '/v1//chat/completions', '/v1/%63hat/completions']) {
      const envoy = new EnvoyModel(policySet(matched), { mode: 'full-duplex' })
      envoy.headers('response', JSON_ANSWER, 'more', { 'request.path': path })
      envoy.body('response', chatCompletion('a secret'), 'end')
      expect(received(envoy).toString(), path).not.toContain('secret')
    }
  })

  test.each(ENVOY_MODES)(
    'a charset that is not read here is a fault, whatever the bytes say as UTF-8 (%s)',
    mode => {
      const envoy = answered(mode, blocking)
      envoy.headers('response', { ...JSON_ANSWER, 'content-type': 'application/json; charset=utf-7' })
      envoy.body('response', chatCompletion('a +AHM-ecret'), 'end')
      expect(responseRecords(envoy)).toMatchObject([{ effective: 'denied', because: 'failed-closed' }])
    },
  )
})

describe('no client waits for ever', () => {
  test('a denial takes the pause back: the rest of a STREAMED stream must still be answered', () => {
    const stream = { ...policy().stream, maxHeldBytes: 600 }
    const envoy = answered('streamed', { outputRules: [rule(remoteGuardrail())], stream })
    envoy.headers('response', STREAM_ANSWER)
    for (const event of chatEvents('1', '2', '3', '4', '5')) envoy.body('response', event)
    expect(envoy.paused).toBe(true)
    envoy.answerScan(FLAGGED)
    expect(readChatStream(envoy.response.bytes).done).toBe(1)
    expect(envoy.paused).toBe(false)
  })

  test('a byte order mark that goes out while the upstream waits does not leave it waiting', () => {
    const events = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(chatEvents('hi')[1]!)])
    const window = { ...policy().stream.window, firstChars: 1 }
    const cap = { maxHeldBytes: events.byteLength - 1, delivery: 'window' as const, window }
    const stream = { ...policy().stream, ...cap }
    const envoy = answered('full-duplex', { outputRules: [rule(remoteGuardrail())], stream })
    envoy.headers('response', STREAM_ANSWER)
    envoy.body('response', events)
    expect(envoy.paused).toBe(true)
    envoy.step({ kind: 'heartbeat-due' })
    envoy.answerScan(CLEAN)
    expect(envoy.paused).toBe(false)
  })

  test.each([
    ['a JSON answer', JSON_ANSWER],
    ['an answer that is not known yet', { ':status': '200' }],
  ])('%s whose headers are withheld has a deadline', (_what, headers) => {
    const effects: Effect[] = []
    const exchange = new Exchange({
      stamp: { id: '0123456789abcdef0123456789abcdef', startedAtSec: 1_760_000_000 },
      policies: policySet(policy(blocking)),
      codings: contentCodings,
      roomBytes: () => Number.POSITIVE_INFINITY,
      policyName: undefined,
      requestMode: 'full-duplex',
      responseMode: 'full-duplex',
      sendsBodyBeforeHeaderReply: false,
      observed: false,
    })
    const step = (event: ExchangeEvent): void => void effects.push(...exchange.step(event))
    const read = (from: Record<string, string>) => ({ get: (name: string) => from[name] })
    const attributes = read({})
    step({ kind: 'headers', side: 'request', headers: read(CHAT_HEADERS), attributes, endOfStream: false })
    step({ kind: 'body', side: 'request', body: Buffer.from(chatRequest('hello')), endOfStream: true })
    step({ kind: 'headers', side: 'response', headers: read(headers), attributes, endOfStream: false })
    step({ kind: 'body', side: 'response', body: Buffer.from(' '), endOfStream: false })
    expect(effects.map(effect => effect.kind)).toContain('start-deadline')
  })

  test.each([
    ['streamed', ' '],
    ['buffered', undefined],
  ] as const)(
    'an answer that is not known at its deadline, with no chunk to refuse it in, is cut (%s)',
    (mode, body) => {
      const envoy = answered(mode, { outputRules: [rule(remoteGuardrail())] })
      envoy.headers('response', { ':status': '200' })
      if (body !== undefined) envoy.body('response', body)
      envoy.step({ kind: 'deadline' })
      expect(envoy.ended).toMatchObject({ status: 'unavailable' })
      expect(responseRecords(envoy)).toMatchObject([{ effective: 'denied', because: 'failed-closed' }])
    },
  )

  test('an answer of unknown kind that nothing could change is not held past its deadline', () => {
    const watching = { outputRules: [rule(flagWord('secret'), 'alert', 'fail-open')] }
    const envoy = unasked('full-duplex', watching)
    envoy.headers('response', STREAM_ANSWER)
    expect(envoy.deadlines).toEqual([policy().stream.maxDurationMs])
    envoy.body('response', ': still at it\n\n')
    expect(envoy.response.headersOut).toBe(false)
    envoy.step({ kind: 'deadline' })
    envoy.body('response', ': and on\n\n')
    expect(envoy.response.bytes.toString()).toBe(': still at it\n\n: and on\n\n')
    expect(responseRecords(envoy)).toMatchObject([{ effective: 'released', because: 'failed-open' }])
  })
})

describe('every body message is answered, and every body ends', () => {
  test.each([
    ['unmatched', policy({ match: { hosts: ['other.example'] } }), CHAT_HEADERS],
    ['unsupported', policy(blocking), { ...CHAT_HEADERS, ':path': '/v1/files' }],
    ['unruled', policy(), CHAT_HEADERS],
  ])('%s requests pass where only the response comes in full duplex', (_what, taken, headers) => {
    for (const requestMode of ['buffered', 'streamed'] as const) {
      const envoy = new EnvoyModel(policySet(taken), { mode: 'full-duplex', requestMode })
      envoy.headers('request', headers)
      if (envoy.ended) continue
      envoy.body('request', 'as it came', 'end')
      expect([requestMode, envoy.request.owed]).toEqual([requestMode, []])
      expect(envoy.request.bytes.toString()).toBe('as it came')
    }
  })

  test('a JSON answer that has ended and passes at its deadline, failing open, ends', () => {
    const envoy = answered('full-duplex', { outputRules: [rule(remoteGuardrail(), 'block', 'fail-open')] })
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', chatCompletion('fine'), 'end')
    envoy.step({ kind: 'deadline' })
    envoy.answerScan(CLEAN)
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('fine'))
    expect(envoy.response.endOut).toBe(true)
  })

  test('STREAMED bytes that were released without a place are not lost in a clean end by trailers', () => {
    const envoy = answered('streamed', forgiving)
    envoy.headers('response', STREAM_ANSWER)
    const [first] = chatEvents('fine')
    envoy.body('response', first!)
    envoy.step({ kind: 'deadline' })
    envoy.trailers('response')
    const arrived = envoy.response.bytes.toString() === first
    expect(arrived || envoy.ended?.status === 'unavailable').toBe(true)
  })
})

describe('the last word is one word', () => {
  test.each([
    ['JSON', JSON_ANSWER, chatCompletion('fine')],
    ['an event stream', STREAM_ANSWER, chatEvents('fine').join('')],
  ])('%s over the limit in its only message is refused once, and nothing follows', (_what, headers, body) => {
    for (const mode of ['full-duplex', 'buffered'] as const) {
      const envoy = unasked(mode, { ...blocking, limits: SMALL_LIMITS })
      envoy.headers('response', headers)
      envoy.body('response', body, 'end')
      expect(envoy.localReply?.status).toBe(500)
      expect(envoy.scans).toEqual([])
    }
  })

  test('what no format takes is refused and counted once with fail_mode: error', () => {
    const envoy = unasked('buffered', { ...blocking, failMode: 'error' })
    envoy.headers('response', { ':status': '200', 'content-type': 'text/html' })
    envoy.body('response', '<p>hello</p>', 'end')
    expect(envoy.localReply?.status).toBe(500)
    expect(envoy.counts).toEqual(['unsupported'])
  })

  test('a request denied after the upstream has answered early is no local reply any more', () => {
    const envoy = new EnvoyModel(policySet(policy({ inputRules: [rule(remoteGuardrail())] })), {
      mode: 'streamed',
    })
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', chatRequest('attack'), 'end')
    envoy.headers('response', STREAM_ANSWER)
    expect(() => envoy.answerScan(FLAGGED)).not.toThrow()
    expect(envoy.ended?.status ?? 'in-band').not.toBe('ok')
  })

  test.each([
    ['held bytes whose kind is not known', JSON_ANSWER],
    ['held bytes without a content type', { ':status': '200' }],
  ])('STREAMED trailers behind %s cut the answer, and no record says released', (_what, headers) => {
    const envoy = unasked('streamed', blocking)
    envoy.headers('response', headers)
    envoy.body('response', chatCompletion('fine'))
    envoy.trailers('response')
    expect(envoy.ended).toMatchObject({ status: 'unavailable' })
    expect(responseRecords(envoy).filter(record => record.effective === 'released')).toEqual([])
  })

  test('a STREAMED refusal that has found no place before the trailers is not lost in a clean end', () => {
    const envoy = answered('streamed', { outputRules: [rule(remoteGuardrail())] })
    envoy.headers('response', STREAM_ANSWER)
    envoy.body('response', chatEvents('x')[1]!)
    envoy.step({ kind: 'deadline' })
    envoy.trailers('response')
    const refused = readChatStream(envoy.response.bytes).done === 1
    expect(refused || envoy.ended?.status === 'unavailable').toBe(true)
  })

  test('a streaming client whose request was never read is refused by an event stream', () => {
    for (const requestMode of ['none', 'buffered'] as const) {
      const envoy = new EnvoyModel(policySet(policy(blocking)), { mode: 'buffered', requestMode })
      if (requestMode === 'none') envoy.headers('request', { ...CHAT_HEADERS, accept: 'application/json' })
      envoy.headers('response', STREAM_ANSWER)
      envoy.body('response', chatEvents('a secret').join(''), 'end')
      expect(envoy.localReply?.headers['content-type']).toBe('text/event-stream')
    }
  })

  test('a JSON answer of nothing but parts that no guard can read gets the 500 of fail_mode: error', () => {
    const envoy = answered('full-duplex', { ...blocking, failMode: 'error' })
    envoy.headers('response', JSON_ANSWER)
    const message = { role: 'assistant', content: null, audio: { id: 'a1', data: 'UklGRg==' } }
    envoy.body('response', JSON.stringify({ choices: [{ index: 0, message }] }), 'end')
    expect(envoy.localReply?.status).toBe(500)
  })

  test('a STREAMED JSON answer that may be redacted loses the headers that describe its bytes', () => {
    const envoy = answered('streamed', { outputRules: [rule(flagWord('secret'), 'redact')] })
    envoy.headers('response', { ...JSON_ANSWER, digest: 'sha-256=abc', etag: '"1"' })
    expect(envoy.response.mutation?.remove).toEqual(
      expect.arrayContaining(['content-length', 'digest', 'etag']),
    )
  })
})

describe('the record says what the client got', () => {
  test.each(['full-duplex', 'streamed'] as const)(
    'a stream that was released to its [DONE] is released, though the client left before the upstream ended (%s)',
    mode => {
      const envoy = answered(mode, blocking)
      envoy.headers('response', STREAM_ANSWER)
      envoy.body('response', chatEvents('fine').join(''))
      expect(envoy.response.bytes.toString()).toBe(chatEvents('fine').join(''))
      envoy.step({ kind: 'closed' })
      expect(responseRecords(envoy)).toMatchObject([{ effective: 'released', because: 'clean' }])
    },
  )

  test.each([
    [
      'unknown-policy',
      () => new EnvoyModel(policySet(policy(blocking)), { mode: 'full-duplex', policyName: 'typo' }),
    ],
    [
      'unmatched',
      () => new EnvoyModel({ policies: [], unmatched: 'deny', formats: [] }, { mode: 'full-duplex' }),
    ],
    ['unsupported', () => unasked('full-duplex', { ...blocking, failMode: 'error' })],
    [
      'failed-closed',
      () => unasked('full-duplex', { ...blocking, limits: { ...SMALL_LIMITS, maxResponseBytes: 5 } }),
    ],
  ])('a response refused as %s has a record', (because, open) => {
    const envoy = open()
    envoy.headers('response', { ':status': '200', 'content-type': 'text/html' })
    envoy.body('response', '<p>hello</p>')
    expect(envoy.localReply).toBeDefined()
    expect(responseRecords(envoy)).toMatchObject([{ effective: 'denied', because }])
  })

  test('an unknown response that passes over its limit, failing open, has a record', () => {
    const envoy = unasked('full-duplex', { ...forgiving, limits: SMALL_LIMITS })
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', chatCompletion('fine'), 'end')
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('fine'))
    expect(responseRecords(envoy)).toMatchObject([{ effective: 'released', because: 'failed-open' }])
  })

  test('an unknown response that passes with fail_mode: warn has a record, as a request has', () => {
    const envoy = unasked('full-duplex', { ...blocking, failMode: 'warn' })
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', '{"a": 1}', 'end')
    expect(responseRecords(envoy)).toMatchObject([{ effective: 'released', because: 'unsupported' }])
  })

  test.each([
    ['an encoded answer', 33_554_432, { ...JSON_ANSWER, 'content-encoding': 'br' }],
    ['an answer over its limit', 50, JSON_ANSWER],
    ['a stream over its limit', 50, STREAM_ANSWER],
  ])('%s that passes, failing open, counts every byte that passed', (_what, maxResponseBytes, headers) => {
    const envoy = answered('full-duplex', { ...forgiving, limits: { ...SMALL_LIMITS, maxResponseBytes } })
    envoy.headers('response', headers)
    const chunks = chatEvents('one', 'two')
    for (const chunk of chunks) envoy.body('response', chunk)
    envoy.body('response', '', 'end')
    expect(responseRecords(envoy)).toMatchObject([{ bytesReleased: chunks.join('').length }])
  })

  test('a finding of an alert rule is recorded once, however many scans of the growing text repeat it', () => {
    const stream = { ...policy().stream, maxHeldBytes: 600 }
    const envoy = answered('full-duplex', { outputRules: [rule(flagWord('secret'), 'alert')], stream })
    envoy.headers('response', STREAM_ANSWER)
    const tokens = Array.from({ length: 20 }, (_, i) => ` token${i}`)
    for (const event of chatEvents('secret', ...tokens)) envoy.body('response', event)
    envoy.body('response', '', 'end')
    expect(responseRecords(envoy)[0]?.rules).toHaveLength(1)
  })

  test('in observability_mode no record says denied: everything passed', () => {
    const rules = [rule(flagWord('x'))]
    const refusing = policy({ inputRules: rules, outputRules: rules, failMode: 'error' })
    const envoy = new EnvoyModel(policySet(refusing), { mode: 'streamed', observed: true })
    envoy.headers('request', { ...CHAT_HEADERS, ':path': '/v1/files' })
    expect(envoy.localReply).toBeUndefined()
    expect(envoy.records.map(record => record.effective)).not.toContain('denied')
  })
})

describe('cost is linear and memory is capped', () => {
  test('a JSON answer of unknown format is not copied anew at every chunk', () => {
    const envoy = unasked('full-duplex', blocking)
    envoy.headers('response', JSON_ANSWER)
    const body = Buffer.from(chatCompletion('x'.repeat(200_000)))
    let copied = 0
    const set = Uint8Array.prototype.set
    const spy = vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (
      this: Uint8Array,
      from,
      at,
    ) {
      copied += from.length
      set.call(this, from, at)
    })
    for (let i = 0; i < body.length; i += 500) {
      envoy.body('response', body.subarray(i, i + 500), i + 500 >= body.length ? 'end' : 'more')
    }
    spy.mockRestore()
    expect(envoy.response.bytes.equals(body)).toBe(true)
    expect(copied).toBeLessThan(body.length * 10)
  })

  test('a body in one-byte chunks holds about its bytes, not an object per byte', () => {
    setFlagsFromString('--expose-gc')
    const collect: unknown = runInNewContext('gc')
    if (typeof collect !== 'function') throw new Error('no gc')
    // Objects only: the memory of array buffers is given back at no fixed time.
    const used = (): number => {
      collect()
      collect()
      return process.memoryUsage().heapUsed
    }
    const bytes = 200_000
    const gate = new BodyGate(10_485_760)
    const before = used()
    for (let i = 0; i < bytes; i++) gate.push(Buffer.from('x'))
    const held = used() - before
    expect(gate.heldBytes).toBe(bytes)
    expect(held).toBeLessThan(bytes * 20)
  })
})

test('an early end of the upstream is not cut off by the OK that ends an input-only call', () => {
  const envoy = new EnvoyModel(policySet(policy({ inputRules: [rule(remoteGuardrail())] })), {
    mode: 'streamed',
  })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello'), 'end')
  envoy.headers('response', { ...JSON_ANSWER, ':status': '401' })
  envoy.answerScan(CLEAN)
  expect(envoy.ended).toBeUndefined()
})

test.each(ENVOY_MODES)(
  'deny_format guardrail_violation answers with that, and in the stream once headers are out (%s)',
  mode => {
    const overrides = {
      ...blocking,
      inputRules: blocking.outputRules,
      denyFormat: 'guardrail_violation' as const,
    }
    const envoy = new EnvoyModel(policySet(policy(overrides)), { mode })
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', chatRequest('a secret', { stream: true }), 'end')
    expect(envoy.localReply?.status).toBe(403)
    expect(JSON.parse(Buffer.from(envoy.localReply!.body).toString())).toEqual({
      error: { type: 'guardrail_violation', code: 'content_filter', message: 'Request blocked by policy' },
    })
    const streaming = answered(mode, { ...overrides, inputRules: [] })
    streaming.headers('response', STREAM_ANSWER)
    streaming.body('response', chatEvents('a secret').join(''), 'end')
    const out = received(streaming).toString()
    expect(out).toContain(mode === 'buffered' ? 'guardrail_violation' : 'data: [DONE]')
  },
)

test('every scan says whose text it is', () => {
  const rules = [rule(remoteGuardrail())]
  const envoy = new EnvoyModel(policySet(policy({ inputRules: rules, outputRules: rules })), {
    mode: 'full-duplex',
  })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello'), 'end')
  const asked = envoy.scans[0]?.subject.origin
  expect(asked).toEqual({ exchangeId: expect.any(String), model: JSON.parse(chatRequest('hello')).model })
  envoy.answerScan(CLEAN)
  envoy.headers('response', JSON_ANSWER)
  envoy.body('response', chatCompletion('fine'), 'end')
  expect(envoy.scans[0]?.subject.origin).toEqual(asked)
  envoy.answerScan(CLEAN)
  expect(envoy.records.map(({ exchangeId }) => exchangeId)).toEqual([asked?.exchangeId, asked?.exchangeId])
})
