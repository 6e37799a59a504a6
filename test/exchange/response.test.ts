import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
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

/** An exchange whose request has gone through, at the point where the upstream answers. */
function answered(
  mode: BodyMode,
  overrides: Partial<Policy>,
  request: Record<string, unknown> = {},
): EnvoyModel {
  const envoy = new EnvoyModel(policySet(policy(overrides)), { mode })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello', request), 'end')
  return envoy
}

function respond(
  envoy: EnvoyModel,
  mode: BodyMode,
  headers: Record<string, string>,
  chunks: readonly string[],
): void {
  envoy.headers('response', headers)
  if (mode === 'buffered') {
    envoy.body('response', chunks.join(''), 'end')
    return
  }
  for (const chunk of chunks) envoy.body('response', chunk)
  envoy.body('response', '', 'end')
}

const halves = (text: string): string[] => [text.slice(0, 40), text.slice(40)]

/** The refusal a non-streaming client gets: a local reply, or a body in place of the upstream's. */
function jsonAnswer(envoy: EnvoyModel): { choices: { message: { content: string } }[] } {
  return JSON.parse(new TextDecoder().decode(envoy.localReply?.body ?? envoy.response.bytes))
}

describe.each(ENVOY_MODES)('a JSON answer in %s', mode => {
  test('that is clean arrives byte for byte', () => {
    const envoy = answered(mode, blocking)
    respond(envoy, mode, JSON_ANSWER, halves(chatCompletion('fine')))
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('fine'))
    expect(envoy.response.endOut).toBe(true)
    expect(envoy.records.at(-1)).toMatchObject({ phase: 'response', effective: 'released', because: 'clean' })
  })

  test('that is flagged becomes the refusal, with nothing of the answer', () => {
    const envoy = answered(mode, blocking)
    respond(envoy, mode, JSON_ANSWER, halves(chatCompletion('a secret')))
    expect(jsonAnswer(envoy).choices[0]?.message.content).toBe('Response blocked by policy')
    expect(envoy.response.bytes.toString()).not.toContain('secret')
    const clean = mode === 'streamed' ? undefined : 'flagged'
    expect(envoy.localReply?.headers['x-weir-reason']).toBe(clean)
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', because: 'flagged' })
  })

  test('that is redacted changes only where it must', () => {
    const envoy = answered(mode, { outputRules: [rule(flagWord('secret'), 'redact')] })
    respond(envoy, mode, JSON_ANSWER, halves(chatCompletion('a secret')))
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('a <WORD>'))
    expect(envoy.response.mutation?.remove).toContain('content-length')
  })

  test.each([
    ['cut short', '{"choices": [{"mess'],
    ['of another shape', '{"hello": 1}'],
    ['empty of JSON', 'hello'],
  ])('that is %s is refused, not passed', (_what, body) => {
    const envoy = answered(mode, blocking)
    respond(envoy, mode, JSON_ANSWER, [body])
    expect(jsonAnswer(envoy).choices[0]?.message.content).toBe('Response blocked by policy')
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', because: 'failed-closed' })
  })

  test('that cannot be read passes when every rule fails open', () => {
    const envoy = answered(mode, { outputRules: [rule(flagWord('secret'), 'block', 'fail-open')] })
    respond(envoy, mode, JSON_ANSWER, ['{"hello": 1}'])
    expect(envoy.response.bytes.toString()).toBe('{"hello": 1}')
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'failed-open' })
  })

  test('over max_response_bytes is refused', () => {
    const limits = { maxRequestBytes: 1000, maxResponseBytes: 50 }
    const envoy = answered(mode, { ...blocking, limits })
    respond(envoy, mode, JSON_ANSWER, halves(chatCompletion('fine')))
    expect(jsonAnswer(envoy).choices[0]?.message.content).toBe('Response blocked by policy')
  })

  test('in a content-encoding that is not known is refused', () => {
    const envoy = answered(mode, blocking)
    envoy.headers('response', { ...JSON_ANSWER, 'content-encoding': 'x-mine' })
    expect(envoy.localReply?.headers['x-weir-reason']).toBe('failed-closed')
  })

  test('without a content type is read by its first bytes', () => {
    const envoy = answered(mode, blocking)
    respond(envoy, mode, { ':status': '200' }, [' ', chatCompletion('a secret')])
    expect(envoy.response.bytes.toString()).not.toContain('secret')
    expect(jsonAnswer(envoy).choices[0]?.message.content).toBe('Response blocked by policy')
  })

  test('that is an error of the upstream passes unscanned', () => {
    const envoy = answered(mode, blocking)
    respond(envoy, mode, { ...JSON_ANSWER, ':status': '500' }, ['a secret'])
    expect(envoy.response.bytes.toString()).toBe('a secret')
  })

  test('without a body passes', () => {
    const envoy = answered(mode, blocking)
    envoy.headers('response', { ':status': '204' }, 'end')
    expect(envoy.response.headersOut).toBe(true)
    expect(envoy.response.owed).toEqual([])
  })

  test('with an empty body passes', () => {
    const envoy = answered(mode, blocking)
    respond(envoy, mode, { ':status': '200' }, [])
    expect([envoy.response.headersOut, envoy.response.endOut]).toEqual([true, true])
  })

  test('waits for a remote guardrail and is refused when that fails', () => {
    const envoy = answered(mode, { outputRules: [rule(remoteGuardrail(), 'alert')] })
    respond(envoy, mode, JSON_ANSWER, halves(chatCompletion('fine')))
    expect(envoy.response.bytes).toHaveLength(0)
    envoy.answerScan({ kind: 'failure', reason: 'timeout', ms: 1 })
    expect(jsonAnswer(envoy).choices[0]?.message.content).toBe('Response blocked by policy')
    expect(envoy.records.at(-1)).toMatchObject({ because: 'failed-closed', rules: [{ reason: 'timeout' }] })
  })
})

describe.each(ENVOY_MODES)('an event stream in %s', mode => {
  const clean = chatEvents('all ', 'is ', 'fine')
  const flagged = chatEvents('a sec', 'ret')

  test('that is clean arrives byte for byte, heartbeats aside', () => {
    const envoy = answered(mode, blocking, { stream: true })
    respond(envoy, mode, STREAM_ANSWER, clean)
    expect(envoy.response.bytes.toString()).toBe(clean.join(''))
    expect(envoy.response.endOut).toBe(true)
    expect(envoy.records.at(-1)).toMatchObject({
      effective: 'released',
      because: 'clean',
      delivery: 'withhold',
    })
  })

  test('that is flagged ends as a refusal in the stream, with nothing of the answer', () => {
    const envoy = answered(mode, blocking, { stream: true })
    respond(envoy, mode, STREAM_ANSWER, flagged)
    const bytes = envoy.localReply?.body ?? envoy.response.bytes
    expect(readChatStream(bytes)).toEqual({
      text: 'Response blocked by policy',
      finish: 'content_filter',
      done: 1,
      roles: 1,
    })
    expect(Buffer.from(bytes).toString()).not.toContain('sec')
    if (mode !== 'buffered') expect(envoy.response.endOut).toBe(true)
  })

  test.each([
    ['without [DONE]', flagged.slice(0, -1)],
    ['without a finish reason', flagged.slice(0, -2)],
    ['cut inside an event', [flagged.slice(0, -1).join('').slice(0, -10)]],
  ])('%s is scanned all the same', (_what, chunks) => {
    const envoy = answered(mode, blocking, { stream: true })
    respond(envoy, mode, STREAM_ANSWER, chunks)
    const bytes = Buffer.from(envoy.localReply?.body ?? envoy.response.bytes)
    expect(bytes.toString()).not.toContain('sec')
    expect(readChatStream(bytes).finish).toBe('content_filter')
  })

  test('that is no event stream is refused', () => {
    const envoy = answered(mode, blocking, { stream: true })
    respond(envoy, mode, STREAM_ANSWER, [chatCompletion('a secret')])
    const bytes = Buffer.from(envoy.localReply?.body ?? envoy.response.bytes)
    expect(bytes.toString()).not.toContain('secret')
    expect(readChatStream(bytes).text).toBe('Response blocked by policy')
  })

  test('asks for the status it was told, where headers are still ours', () => {
    const envoy = answered(mode, { ...blocking, denyCode: 403 }, { stream: true })
    respond(envoy, mode, STREAM_ANSWER, flagged)
    if (mode === 'buffered') expect(envoy.localReply?.status).toBe(403)
    else expect(readChatStream(envoy.response.bytes).finish).toBe('content_filter')
  })

  test('of a client that went away is recorded as discarded', () => {
    const envoy = answered(mode, { outputRules: [rule(remoteGuardrail())] }, { stream: true })
    envoy.headers('response', STREAM_ANSWER)
    envoy.body('response', flagged[1]!, mode === 'buffered' ? 'end' : 'more')
    envoy.step({ kind: 'closed' })
    expect(envoy.records.at(-1)).toMatchObject({
      phase: 'response',
      effective: 'discarded',
      because: 'cancelled',
    })
    expect(envoy.response.bytes).toHaveLength(0)
  })
})

describe('an event stream', () => {
  const duplex = (overrides: Partial<Policy>): EnvoyModel => {
    const envoy = answered('full-duplex', overrides, { stream: true })
    envoy.headers('response', STREAM_ANSWER)
    return envoy
  }

  test('gives signs of life in full duplex, but none before the first chunk of the upstream', () => {
    const envoy = duplex(blocking)
    envoy.step({ kind: 'heartbeat-due' })
    expect(envoy.response.bytes.toString()).toBe('')
    envoy.body('response', chatEvents('x')[0]!)
    envoy.step({ kind: 'heartbeat-due' })
    expect(envoy.response.bytes.toString()).toBe(':\n\n')
    expect(envoy.counts).toContain('heartbeat')
  })

  test('sends its byte order mark before the first heartbeat', () => {
    const envoy = duplex(blocking)
    const [first, ...rest] = chatEvents('x')
    envoy.body('response', Buffer.from(`\ufeff${first}`))
    envoy.step({ kind: 'heartbeat-due' })
    expect(envoy.response.bytes.toString()).toBe('\ufeff:\n\n')
    envoy.body('response', rest.join(''), 'end')
    expect(envoy.response.bytes.toString()).toBe(`\ufeff:\n\n${chatEvents('x').join('')}`)
  })

  test('in STREAMED gives a sign of life in place of a withheld chunk, when one is due', () => {
    const envoy = answered('streamed', blocking, { stream: true })
    envoy.headers('response', STREAM_ANSWER)
    const [first, second, ...rest] = chatEvents('x', 'y')
    envoy.body('response', first!)
    expect(envoy.response.bytes.toString()).toBe('')
    envoy.step({ kind: 'heartbeat-due' })
    envoy.body('response', second!)
    expect(envoy.response.bytes.toString()).toBe(':\n\n')
    envoy.body('response', rest.join(''), 'end')
    expect(envoy.response.bytes.toString()).toBe(`:\n\n${chatEvents('x', 'y').join('')}`)
  })

  test('withholds its headers too with stream.headers on_first_release, and then denies for real', () => {
    const stream = { ...policy().stream, headers: 'on_first_release' as const }
    const envoy = duplex({ ...blocking, stream, denyCode: 403 })
    envoy.body('response', chatEvents('secret').join(''), 'end')
    expect(envoy.localReply?.status).toBe(403)
  })

  test('is live exactly when nothing can deny, and is judged at its end', () => {
    const rules = [rule(remoteGuardrail(), 'alert', 'fail-open')]
    const envoy = duplex({ outputRules: rules })
    const [first, ...rest] = chatEvents('secret')
    envoy.body('response', first!)
    expect(envoy.response.bytes.toString()).toBe(first)
    envoy.body('response', rest.join(''), 'end')
    expect(envoy.response.endOut).toBe(true)
    expect(envoy.scans[0]).toMatchObject({ lifetime: 'shadow' })
    envoy.answerScan({
      kind: 'verdict',
      verdict: { kind: 'flagged', findings: [{ detector: 'prompt_attack' }], requestId: 'u1' },
      ms: 1,
    })
    expect(envoy.records.at(-1)).toMatchObject({
      effective: 'released',
      because: 'alerted',
      delivery: 'live',
      rules: [{ detectors: ['prompt_attack'], guardRequestId: 'u1' }],
    })
  })

  test('that was live when its client went is judged as far as it came', () => {
    const envoy = duplex({ outputRules: [rule(remoteGuardrail(), 'alert', 'fail-open')] })
    envoy.body('response', chatEvents('secret')[1]!)
    envoy.step({ kind: 'closed' })
    expect(envoy.scans[0]?.subject.segments[0]?.text).toBe('secret')
  })

  test('past max_held_bytes is scanned and goes on in parts', () => {
    const stream = { ...policy().stream, maxHeldBytes: 1000 }
    const envoy = duplex({ outputRules: [rule(remoteGuardrail())], stream })
    const events = chatEvents(...Array.from({ length: 10 }, (_, i) => `token ${i} `))
    for (const event of events.slice(0, 7)) envoy.body('response', event)
    expect(envoy.scans).toHaveLength(1)
    expect(envoy.response.bytes).toHaveLength(0)
    envoy.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 })
    const part = envoy.response.bytes.toString()
    expect(events.join('').startsWith(part)).toBe(true)
    expect(part.length).toBeGreaterThan(500)
    for (const event of events.slice(7)) envoy.body('response', event)
    envoy.body('response', '', 'end')
    envoy.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 })
    expect(envoy.response.bytes.toString()).toBe(events.join(''))
  })

  test('denied after a part of it went out closes what is open, and only once', () => {
    const stream = { ...policy().stream, maxHeldBytes: 600 }
    const envoy = duplex({ outputRules: [rule(flagWord('secret'))], stream })
    for (const event of chatEvents('one ', 'two ', 'three ', 'four ', 'a secret'))
      envoy.body('response', event)
    envoy.body('response', '', 'end')
    const seen = readChatStream(envoy.response.bytes)
    expect(seen).toMatchObject({ finish: 'content_filter', done: 1, roles: 1 })
    expect(seen.text).toMatch(/^one two .*Response blocked by policy$/s)
    expect(seen.text).not.toContain('secret')
    expect(envoy.response.endOut).toBe(true)
  })

  test('asks for a pause when it holds more than it may while a scan runs', () => {
    const stream = { ...policy().stream, maxHeldBytes: 600 }
    const envoy = duplex({ outputRules: [rule(remoteGuardrail())], stream })
    for (const event of chatEvents('1', '2', '3', '4', '5', '6', '7', '8')) envoy.body('response', event)
    expect(envoy.paused).toBe(true)
    while (envoy.scans.length > 0) {
      expect(envoy.paused).toBe(true)
      envoy.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 })
    }
    expect(envoy.paused).toBe(false)
  })

  test('past max_held_bytes is denied with on_held_limit deny', () => {
    const stream = { ...policy().stream, maxHeldBytes: 600, onHeldLimit: 'deny' as const }
    const envoy = duplex({ ...blocking, stream })
    for (const event of chatEvents('1', '2', '3', '4')) envoy.body('response', event)
    expect(readChatStream(envoy.response.bytes).text).toBe('Response blocked by policy')
  })

  test('whose single event is larger than all that may be held is denied', () => {
    const stream = { ...policy().stream, maxHeldBytes: 600 }
    const envoy = duplex({ ...blocking, stream })
    envoy.body('response', `data: {"choices":[{"delta":{"content":"${'x'.repeat(700)}`)
    expect(readChatStream(envoy.response.bytes).text).toBe('Response blocked by policy')
  })

  test('that has ended waits for its verdict past max_duration_ms, with or without a terminator', () => {
    const envoy = duplex({ outputRules: [rule(remoteGuardrail())] })
    const [role, one, finish] = chatEvents('fine')
    envoy.body('response', [role, one, finish].join(''), 'end')
    envoy.step({ kind: 'deadline' })
    envoy.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 })
    expect(envoy.response.bytes.toString()).toBe([role, one, finish].join(''))
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'clean' })
  })

  test('past max_duration_ms is judged and ended, and a STREAMED one without a chunk to answer is cut', () => {
    const held = duplex({ outputRules: [rule(remoteGuardrail())] })
    held.body('response', chatEvents('x')[1]!)
    held.step({ kind: 'deadline' })
    held.answerScan({
      kind: 'verdict',
      verdict: { kind: 'flagged', findings: [{ detector: 'prompt_attack' }] },
      ms: 1,
    })
    expect(readChatStream(held.response.bytes)).toMatchObject({
      text: 'Response blocked by policy',
      finish: 'content_filter',
    })
    const streamed = answered('streamed', { outputRules: [rule(remoteGuardrail())] }, { stream: true })
    streamed.headers('response', STREAM_ANSWER)
    streamed.body('response', chatEvents('x')[1]!)
    streamed.step({ kind: 'deadline' })
    streamed.step({ kind: 'deadline' })
    expect(streamed.ended).toMatchObject({ status: 'unavailable' })
  })

  test('in STREAMED is released at [DONE], so that trailers find nothing held', () => {
    const envoy = answered('streamed', blocking, { stream: true })
    envoy.headers('response', STREAM_ANSWER)
    for (const event of chatEvents('fine')) envoy.body('response', event)
    expect(envoy.response.bytes.toString()).toBe(chatEvents('fine').join(''))
    envoy.trailers('response')
    expect(envoy.response.owed).toEqual([])
  })

  test('in STREAMED that trailers end while it is held is cut, closed', () => {
    const envoy = answered('streamed', blocking, { stream: true })
    envoy.headers('response', STREAM_ANSWER)
    envoy.body('response', chatEvents('fine')[1]!)
    envoy.trailers('response')
    expect(envoy.ended).toMatchObject({ status: 'unavailable' })
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'discarded' })
  })

  test('in STREAMED that trailers end while its last chunk is unanswered is judged, and goes in answer to it', () => {
    const events = chatEvents('fine').join('')
    for (const outcome of [CLEAN, FLAGGED]) {
      const envoy = answered('streamed', { outputRules: [rule(remoteGuardrail())] }, { stream: true })
      envoy.headers('response', STREAM_ANSWER)
      envoy.body('response', events)
      envoy.trailers('response')
      envoy.answerScan(outcome)
      expect(envoy.ended).toBeUndefined()
      expect(readChatStream(envoy.response.bytes).text).toBe(
        outcome === CLEAN ? 'fine' : 'Response blocked by policy',
      )
    }
  })

  test('in BUFFERED is whole in its one message, though trailers are to come', () => {
    const events = chatEvents('fine').join('')
    const envoy = answered('buffered', blocking, { stream: true })
    envoy.headers('response', STREAM_ANSWER)
    envoy.body('response', events)
    expect(envoy.response.bytes.toString()).toBe(events)
    envoy.trailers('response')
    expect(envoy.response.endOut).toBe(true)
  })

  test('with trailers in full duplex ends with them', () => {
    const envoy = duplex(blocking)
    envoy.body('response', chatEvents('fine').join(''))
    envoy.trailers('response')
    expect(envoy.response.bytes.toString()).toBe(chatEvents('fine').join(''))
    expect(envoy.response.owed).toEqual([])
  })

  test('that forgives an unreadable event still scans what it could read', () => {
    const envoy = duplex({ outputRules: [rule(flagWord('secret'), 'block', 'fail-open')] })
    envoy.body('response', chatEvents('a secret')[1]!)
    envoy.body('response', 'data: {broken\n\n')
    expect(readChatStream(envoy.response.bytes).text).toBe('Response blocked by policy')
    const open = duplex({ outputRules: [rule(flagWord('secret'), 'block', 'fail-open')] })
    open.body('response', 'data: {broken\n\n')
    open.body('response', 'data: more\n\n', 'end')
    expect(open.response.bytes.toString()).toBe('data: {broken\n\ndata: more\n\n')
    expect(open.records.at(-1)).toMatchObject({ effective: 'released', because: 'failed-open' })
  })
})

describe('a JSON answer', () => {
  test('in STREAMED asks Envoy to buffer it', () => {
    const envoy = answered('streamed', blocking)
    envoy.headers('response', JSON_ANSWER)
    expect(envoy.response.override).toBe('buffered')
  })

  test('in STREAMED is complete at its content-length, before any trailers', () => {
    const envoy = answered('streamed', blocking)
    const body = chatCompletion('fine')
    envoy.headers('response', { ...JSON_ANSWER, 'content-length': String(body.length) })
    envoy.body('response', body)
    expect(envoy.response.bytes.toString()).toBe(body)
    envoy.trailers('response')
    expect(envoy.response.owed).toEqual([])
  })
})

describe.each(ENVOY_MODES)('response phases without request phases in %s', mode => {
  const outputRules = [rule(flagWord('secret'))]

  test('tell their format by their own shape', () => {
    for (const [headers, chunks] of [
      [JSON_ANSWER, [chatCompletion('a secret')]],
      [STREAM_ANSWER, chatEvents('a secret')],
    ] as const) {
      const envoy = new EnvoyModel(policySet(policy({ outputRules })), { mode })
      respond(envoy, mode, headers, chunks)
      const bytes = Buffer.from(envoy.localReply?.body ?? envoy.response.bytes)
      expect(bytes.toString()).toContain('Response blocked by policy')
      expect(bytes.toString()).not.toContain('secret')
    }
  })

  test('pass with what no format takes: fail_mode', () => {
    const envoy = new EnvoyModel(policySet(policy({ outputRules })), { mode })
    respond(envoy, mode, JSON_ANSWER, ['{"a secret": 1}'])
    expect(envoy.response.bytes.toString()).toBe('{"a secret": 1}')
    expect(envoy.counts).toContain('unsupported')
  })

  test('pass when they are no success', () => {
    const envoy = new EnvoyModel(policySet(policy({ outputRules })), { mode })
    respond(envoy, mode, { ...JSON_ANSWER, ':status': '401' }, ['a secret'])
    expect(envoy.response.bytes.toString()).toBe('a secret')
  })

  test('take their policy from the route name', () => {
    const routed = policy({ outputRules, match: { routes: ['llm'] } })
    const envoy = new EnvoyModel(policySet(routed), { mode })
    envoy.headers('response', JSON_ANSWER, 'more', { 'xds.route_name': 'llm' })
    envoy.body('response', chatCompletion('a secret'), 'end')
    expect(Buffer.from(envoy.localReply?.body ?? envoy.response.bytes).toString()).not.toContain('secret')
  })
})

test('in observability_mode nothing is ever replied, and everything is judged', () => {
  const rules = [rule(flagWord('secret'))]
  const envoy = new EnvoyModel(policySet(policy({ inputRules: rules, outputRules: rules })), {
    mode: 'streamed',
    observed: true,
  })
  envoy.step({
    kind: 'headers',
    side: 'request',
    headers: { get: name => ({ ...CHAT_HEADERS })[name as ':path'] },
    attributes: { get: () => undefined },
    endOfStream: false,
  })
  envoy.step({ kind: 'body', side: 'request', body: Buffer.from(chatRequest('a secret')), endOfStream: true })
  envoy.step({
    kind: 'headers',
    side: 'response',
    headers: { get: name => ({ ...JSON_ANSWER })[name as ':status'] },
    attributes: { get: () => undefined },
    endOfStream: false,
  })
  envoy.step({
    kind: 'body',
    side: 'response',
    body: Buffer.from(chatCompletion('a secret')),
    endOfStream: true,
  })
  expect(envoy.records).toMatchObject([
    { phase: 'request', effective: 'released', because: 'alerted' },
    { phase: 'response', effective: 'released', because: 'alerted' },
  ])
  expect([envoy.request.out, envoy.response.out]).toEqual([[], []])
  // The policy would have denied: said once an exchange.
  expect(envoy.unenforced).toEqual(['test'])
})

test('in observability_mode a response whose request was not seen tells of its policy too', () => {
  for (const [action, told] of [
    ['block', ['test']],
    ['alert', []],
  ] as const) {
    const outputRules = [rule(flagWord('secret'), action, 'fail-open')]
    const envoy = new EnvoyModel(policySet(policy({ outputRules })), { mode: 'streamed', observed: true })
    envoy.headers('response', JSON_ANSWER)
    expect(envoy.unenforced).toEqual(told)
  }
})
