import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { CHAT_HEADERS, chatRequest, readChatStream } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

const guarded = policySet(policy({ inputRules: [rule(flagWord('attack'))] }))

/** Sends a request the way the mode does: in two chunks, or whole. */
function send(
  envoy: EnvoyModel,
  mode: BodyMode,
  body: string,
  headers: Record<string, string> = CHAT_HEADERS,
): void {
  envoy.headers('request', headers)
  if (mode === 'buffered') {
    envoy.body('request', body, 'end')
    return
  }
  envoy.body('request', body.slice(0, 10))
  envoy.body('request', body.slice(10), 'end')
}

describe.each(ENVOY_MODES)('a request in %s', mode => {
  test('that is clean goes on byte for byte', () => {
    const envoy = new EnvoyModel(guarded, { mode })
    const body = chatRequest('hello')
    send(envoy, mode, body)
    expect(envoy.request.bytes.toString()).toBe(body)
    expect(envoy.request.endOut).toBe(true)
    expect(envoy.records).toMatchObject([
      { phase: 'request', effective: 'released', because: 'clean', bytesReleased: body.length },
    ])
  })

  test('that is clean leaves the response to Envoy when no rule looks at it, where nothing can be lost', () => {
    const envoy = new EnvoyModel(guarded, { mode })
    send(envoy, mode, chatRequest('hello'))
    expect(envoy.ended?.status).toBe(mode === 'full-duplex' ? undefined : 'ok')
    if (mode === 'full-duplex') {
      envoy.headers('response', { ':status': '200' })
      envoy.body('response', 'as it came', 'end')
      expect(envoy.response.bytes.toString()).toBe('as it came')
    }
  })

  test('keeps the call while an output rule has something to see', () => {
    const both = policySet(policy({ inputRules: [rule(flagWord('x'))], outputRules: [rule(flagWord('x'))] }))
    const envoy = new EnvoyModel(both, { mode })
    send(envoy, mode, chatRequest('hello'))
    expect(envoy.ended).toBeUndefined()
    expect(envoy.request.mutation?.remove).toContain('accept-encoding')
  })

  test('that is flagged gets the JSON refusal, and nothing of it goes on', () => {
    const envoy = new EnvoyModel(guarded, { mode })
    send(envoy, mode, chatRequest('attack'))
    expect(envoy.request.bytes).toHaveLength(0)
    expect(envoy.localReply).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'application/json',
        'cache-control': 'no-store',
        'x-should-retry': 'false',
        'x-weir-decision': 'deny',
        'x-weir-reason': 'flagged',
      },
    })
    const answer = JSON.parse(new TextDecoder().decode(envoy.localReply?.body))
    expect(answer.model).toBe('gpt-test')
    expect(answer.choices[0]).toMatchObject({
      message: { role: 'assistant', content: 'Request blocked by policy' },
      finish_reason: 'content_filter',
    })
  })

  test('that is flagged gets an event stream when the client streams', () => {
    const envoy = new EnvoyModel(guarded, { mode })
    send(envoy, mode, chatRequest('attack', { stream: true }))
    expect(envoy.localReply?.headers['content-type']).toMatch(/^text\/event-stream/)
    expect(readChatStream(envoy.localReply!.body)).toEqual({
      text: 'Request blocked by policy',
      finish: 'content_filter',
      done: 1,
      roles: 1,
    })
  })

  test('that is flagged gets the provider error with deny_code 403, streaming or not', () => {
    const strict = policySet(policy({ inputRules: [rule(flagWord('attack'))], denyCode: 403 }))
    for (const stream of [true, false]) {
      const envoy = new EnvoyModel(strict, { mode })
      send(envoy, mode, chatRequest('attack', { stream }))
      expect(envoy.localReply).toMatchObject({ status: 403, headers: { 'content-type': 'application/json' } })
      const { error } = JSON.parse(new TextDecoder().decode(envoy.localReply?.body))
      expect(error).toMatchObject({ message: 'Request blocked by policy', code: 'content_filter' })
    }
  })

  test('streams by Accept only when its body does not say', () => {
    const headers = { ...CHAT_HEADERS, accept: 'text/event-stream' }
    const asked = new EnvoyModel(guarded, { mode })
    send(asked, mode, chatRequest('attack'), headers)
    expect(asked.localReply?.headers['content-type']).toMatch(/^text\/event-stream/)
    const told = new EnvoyModel(guarded, { mode })
    send(told, mode, chatRequest('attack', { stream: false }), headers)
    expect(told.localReply?.headers['content-type']).toBe('application/json')
  })

  test('does not stream where its Accept takes JSON as well', () => {
    const envoy = new EnvoyModel(guarded, { mode })
    const headers = { ...CHAT_HEADERS, accept: 'application/json, text/event-stream' }
    send(envoy, mode, chatRequest('attack'), headers)
    expect(envoy.localReply?.headers['content-type']).toBe('application/json')
  })

  test('is redacted before it goes on, and every other byte stays', () => {
    const redacting = policySet(policy({ inputRules: [rule(flagWord('secret'), 'redact')] }))
    const envoy = new EnvoyModel(redacting, { mode })
    const body = chatRequest('my secret is safe', { 'x-odd': [1.0, '\u00e9'] })
    send(envoy, mode, body)
    expect(envoy.request.bytes.toString()).toBe(body.replace('secret', '<WORD>'))
    expect(envoy.request.mutation?.remove).toContain('content-length')
    expect(envoy.records).toMatchObject([{ effective: 'redacted', because: 'flagged' }])
  })

  test('is redacted in the texts with a finding, and a text beside them stays as it was written', () => {
    const redacting = policySet(policy({ inputRules: [rule(flagWord('secret'), 'redact')] }))
    const envoy = new EnvoyModel(redacting, { mode })
    const body = String.raw`{"messages":[{"role":"user","content":"\u0068ello\/"},{"role":"user","content":"my secret"}]}`
    send(envoy, mode, body)
    expect(envoy.request.bytes.toString()).toBe(body.replace('secret', '<WORD>'))
  })

  test('is denied when a redacting rule cannot say where', () => {
    const blind = flagWord('secret', { span: 'without-span' })
    const envoy = new EnvoyModel(policySet(policy({ inputRules: [rule(blind, 'redact')] })), { mode })
    send(envoy, mode, chatRequest('my secret'))
    expect(envoy.localReply?.headers['x-weir-reason']).toBe('flagged')
  })

  test('over the limit gets 413 in the provider shape, whatever deny_code says', () => {
    const small = policy({
      inputRules: [rule(flagWord('x'))],
      limits: { maxRequestBytes: 20, maxResponseBytes: 1000 },
    })
    const envoy = new EnvoyModel(policySet(small), { mode })
    send(envoy, mode, chatRequest('hello'))
    expect(envoy.localReply).toMatchObject({ status: 413, headers: { 'x-weir-reason': 'failed-closed' } })
    expect(envoy.request.bytes).toHaveLength(0)
  })

  test('over the limit goes on whole when every rule fails open', () => {
    const open = policy({
      inputRules: [rule(flagWord('x'), 'block', 'fail-open')],
      limits: { maxRequestBytes: 20, maxResponseBytes: 1000 },
    })
    const envoy = new EnvoyModel(policySet(open), { mode })
    const body = chatRequest('hello')
    send(envoy, mode, body)
    expect(envoy.request.bytes.toString()).toBe(body)
    expect(envoy.records).toMatchObject([{ effective: 'released', because: 'failed-open' }])
  })

  test.each([
    ['not JSON', '{"messages": [', 400],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1'), 400],
    ['no messages', '{"model":"m"}', 400],
  ])('with a body that is %s gets %d', (_what, body, status) => {
    const envoy = new EnvoyModel(guarded, { mode })
    send(envoy, mode, body)
    expect(envoy.localReply?.status).toBe(status)
    expect(JSON.parse(new TextDecoder().decode(envoy.localReply?.body)).error).toBeTypeOf('object')
  })

  test('in an unknown encoding gets 415', () => {
    const envoy = new EnvoyModel(guarded, { mode })
    send(envoy, mode, chatRequest('x'), { ...CHAT_HEADERS, 'content-encoding': 'x-mine' })
    expect(envoy.localReply?.status).toBe(415)
  })

  test('that no format claims passes with fail_mode skip, and is refused with error', () => {
    const headers = { ...CHAT_HEADERS, ':path': '/v1/files' }
    const skipping = new EnvoyModel(guarded, { mode })
    skipping.headers('request', headers)
    expect(skipping.request.headersOut).toBe(true)
    expect(skipping.counts).toContain('unsupported')
    const refusing = policySet(policy({ inputRules: [rule(flagWord('x'))], failMode: 'error' }))
    const refused = new EnvoyModel(refusing, { mode })
    refused.headers('request', headers)
    expect(refused.localReply).toMatchObject({ status: 500, headers: { 'x-should-retry': 'false' } })
  })

  test('without a body has nothing to inspect: fail_mode', () => {
    const envoy = new EnvoyModel(guarded, { mode })
    envoy.headers('request', CHAT_HEADERS, 'end')
    expect(envoy.request.headersOut).toBe(true)
    expect(envoy.counts).toContain('unsupported')
  })

  test('that no policy takes passes, or is denied', () => {
    const elsewhere = policy({ match: { hosts: ['other.example'] }, inputRules: [rule(flagWord('x'))] })
    const passing = new EnvoyModel(policySet(elsewhere), { mode })
    passing.headers('request', CHAT_HEADERS, 'end')
    expect([passing.request.headersOut, passing.counts]).toEqual([true, ['unmatched']])
    expect(passing.gaps).toEqual([{ kind: 'passed-unmatched' }])
    const denying = new EnvoyModel({ policies: [elsewhere], unmatched: 'deny', formats: [] }, { mode })
    denying.headers('request', CHAT_HEADERS, 'end')
    expect(denying.localReply).toMatchObject({ status: 403, headers: { 'x-weir-reason': 'unmatched' } })
    expect(denying.gaps).toEqual([])
  })

  test('that a policy would take if Envoy named the route is taken by another, and that is told', () => {
    const routed = policy({ name: 'routed', match: { routes: ['llm'] } })
    const envoy = new EnvoyModel(policySet(routed, policy({})), { mode })
    envoy.headers('request', CHAT_HEADERS, 'end')
    expect(envoy.gaps).toEqual([{ kind: 'unnamed-route', policy: 'routed' }])
  })

  test('with a policy name that does not exist is refused, never guessed', () => {
    const envoy = new EnvoyModel(guarded, { mode, policyName: 'typo' })
    envoy.headers('request', CHAT_HEADERS)
    expect(envoy.localReply).toMatchObject({ status: 500, headers: { 'x-weir-reason': 'unknown-policy' } })
  })

  test('waits for a remote guardrail, and for the local ones to have passed it', () => {
    const rules = [rule(remoteGuardrail()), rule(flagWord('attack'))]
    const envoy = new EnvoyModel(policySet(policy({ inputRules: rules })), { mode })
    send(envoy, mode, chatRequest('hello'))
    expect(envoy.request.bytes).toHaveLength(0)
    expect(envoy.scans.map(scan => scan.rules.map(r => r.guardrail.name))).toEqual([['remote']])
    envoy.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 })
    expect(envoy.request.bytes.toString()).toBe(chatRequest('hello'))
    const stopped = new EnvoyModel(policySet(policy({ inputRules: rules })), { mode })
    send(stopped, mode, chatRequest('attack'))
    expect([stopped.scans.length, stopped.localReply?.status]).toEqual([0, 200])
  })

  test('shows a remote guardrail what local redaction left', () => {
    const rules = [rule(remoteGuardrail()), rule(flagWord('secret'), 'redact')]
    const envoy = new EnvoyModel(policySet(policy({ inputRules: rules })), { mode })
    send(envoy, mode, chatRequest('my secret'))
    expect(envoy.scans[0]?.subject.segments.map(segment => segment.text)).toEqual(['my <WORD>'])
    envoy.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 })
    expect(envoy.request.bytes.toString()).toBe(chatRequest('my <WORD>'))
  })

  test('is recorded as discarded when the client goes before the verdict', () => {
    const envoy = new EnvoyModel(policySet(policy({ inputRules: [rule(remoteGuardrail())] })), { mode })
    send(envoy, mode, chatRequest('hello'))
    envoy.step({ kind: 'closed' })
    envoy.answerScan({ kind: 'failure', reason: 'cancelled', ms: 1 })
    expect(envoy.records).toMatchObject([{ effective: 'discarded', because: 'cancelled' }])
    expect(envoy.request.bytes).toHaveLength(0)
  })
})

describe('a request in full duplex', () => {
  test('withholds the header reply until the verdict', () => {
    const envoy = new EnvoyModel(guarded, { mode: 'full-duplex' })
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', chatRequest('hello'))
    expect(envoy.request.headersOut).toBe(false)
    envoy.body('request', '', 'end')
    expect(envoy.request.headersOut).toBe(true)
  })

  test('ends with its trailers, when it has any', () => {
    const envoy = new EnvoyModel(guarded, { mode: 'full-duplex' })
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', chatRequest('hello'))
    envoy.trailers('request')
    expect(envoy.request.bytes.toString()).toBe(chatRequest('hello'))
    expect(envoy.request.owed).toEqual([])
  })

  test('ignores a second end of stream', () => {
    const envoy = new EnvoyModel(policySet(policy({ inputRules: [rule(remoteGuardrail())] })), {
      mode: 'full-duplex',
    })
    send(envoy, 'full-duplex', chatRequest('hello'))
    envoy.body('request', '', 'end')
    envoy.answerScan({ kind: 'verdict', verdict: { kind: 'clean' }, ms: 1 })
    expect(envoy.request.bytes.toString()).toBe(chatRequest('hello'))
  })

  test('goes on in pieces that Envoy takes', () => {
    const envoy = new EnvoyModel(guarded, { mode: 'full-duplex' })
    const body = chatRequest('y'.repeat(200_000))
    send(envoy, 'full-duplex', body)
    expect(envoy.request.bytes.toString()).toBe(body)
    expect(envoy.request.out.length).toBeGreaterThan(3)
  })
})

describe('a request whose body Envoy will not show', () => {
  test.each(['none', 'buffered-partial', 'grpc'] as const)('(%s) ends the call, closed', mode => {
    const envoy = new EnvoyModel(guarded, { mode })
    envoy.headers('request', CHAT_HEADERS)
    expect(envoy.ended).toMatchObject({ status: 'failed-precondition' })
  })

  test('passes where no rule wants it', () => {
    const outputOnly = policySet(policy({ outputRules: [rule(flagWord('x'))] }))
    const envoy = new EnvoyModel(outputOnly, { mode: 'full-duplex', requestMode: 'none' })
    envoy.headers('request', CHAT_HEADERS)
    expect([envoy.request.headersOut, envoy.ended]).toEqual([true, undefined])
  })
})

test('a STREAMED request that ends in trailers leaves no place for what is held: refused, not cut short', () => {
  const envoy = new EnvoyModel(guarded, { mode: 'streamed' })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello'))
  envoy.trailers('request')
  expect(envoy.localReply?.status).toBe(400)
  expect(envoy.request.bytes).toHaveLength(0)
})
