import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { contentCodings } from '../../src/coding/codings.ts'
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
import {
  CLEAN,
  flagWord,
  flagWordAsItGrows,
  policy,
  policySet,
  remoteGuardrail,
  rule,
} from '../support/policies.ts'

const CODINGS = ['gzip', 'deflate', 'br', 'zstd', 'gzip, br']
const CASES = ENVOY_MODES.flatMap(mode => CODINGS.map(coding => [mode, coding] as const))
const blocking = { inputRules: [rule(flagWord('attack'))], outputRules: [rule(flagWordAsItGrows('secret'))] }
const redacting = {
  inputRules: [rule(flagWord('attack'), 'redact')],
  outputRules: [rule(flagWordAsItGrows('secret'), 'redact')],
}

const encoded = (coding: string, text: string): Uint8Array => contentCodings.encode(coding, Buffer.from(text))
function decoded(coding: string, body: Uint8Array): string {
  const decoder = contentCodings.open(coding, 1e9)!
  return [decoder.push(body), decoder.end()].map(part => Buffer.from(part as Uint8Array).toString()).join('')
}

function exchange(mode: BodyMode, overrides: Partial<Policy>): EnvoyModel {
  return new EnvoyModel(policySet(policy(overrides)), { mode })
}
function ask(envoy: EnvoyModel, coding: string | undefined, body: Uint8Array | string): void {
  const header: Record<string, string> = coding === undefined ? {} : { 'content-encoding': coding }
  envoy.headers('request', { ...CHAT_HEADERS, ...header })
  envoy.body('request', body, 'end')
}
function answer(envoy: EnvoyModel, coding: string, headers: Record<string, string>, body: Uint8Array): void {
  envoy.headers('response', { ...headers, 'content-encoding': coding })
  const middle = Math.floor(body.length / 2)
  if (envoy.response.override === 'buffered' || envoy.isBuffered) envoy.body('response', body, 'end')
  else {
    envoy.body('response', body.subarray(0, middle))
    envoy.body('response', body.subarray(middle), 'end')
  }
}

describe.each(CASES)('%s, %s', (mode, coding) => {
  test('a clean request goes on as it came, a flagged one is refused', () => {
    const envoy = exchange(mode, blocking)
    const body = encoded(coding, chatRequest('hello'))
    ask(envoy, coding, body)
    expect(envoy.request.bytes.equals(body)).toBe(true)
    const flagged = exchange(mode, blocking)
    ask(flagged, coding, encoded(coding, chatRequest('attack')))
    expect(flagged.localReply?.headers['x-weir-reason']).toBe('flagged')
  })

  test('a redacted request goes on in its coding', () => {
    const envoy = exchange(mode, redacting)
    ask(envoy, coding, encoded(coding, chatRequest('an attack')))
    expect(decoded(coding, envoy.request.bytes)).toBe(chatRequest('an <WORD>'))
    expect(envoy.request.mutation?.remove ?? []).not.toContain('content-encoding')
  })

  test('a clean JSON answer goes on as it came, a redacted one in its coding', () => {
    const body = encoded(coding, chatCompletion('fine'))
    const envoy = exchange(mode, blocking)
    ask(envoy, undefined, chatRequest('hello'))
    answer(envoy, coding, JSON_ANSWER, body)
    expect(envoy.response.bytes.equals(body)).toBe(true)
    const redacted = exchange(mode, redacting)
    ask(redacted, undefined, chatRequest('hello'))
    answer(redacted, coding, JSON_ANSWER, encoded(coding, chatCompletion('a secret')))
    expect(decoded(coding, redacted.response.bytes)).toBe(chatCompletion('a <WORD>'))
  })

  test('a flagged JSON answer is refused so that the client can read it', () => {
    const envoy = exchange(mode, blocking)
    ask(envoy, undefined, chatRequest('hello'))
    answer(envoy, coding, JSON_ANSWER, encoded(coding, chatCompletion('a secret')))
    const text = envoy.localReply
      ? Buffer.from(envoy.localReply.body).toString()
      : decoded(coding, envoy.response.bytes)
    expect(JSON.parse(text).choices[0].message.content).toBe('Response blocked by policy')
  })

  test.each(['window', 'withhold'] as const)(
    'an event stream goes out in identity, delivery %s',
    delivery => {
      const stream = { ...policy().stream, delivery }
      const envoy = exchange(mode, { ...blocking, stream })
      ask(envoy, undefined, chatRequest('hello', { stream: true }))
      answer(envoy, coding, STREAM_ANSWER, encoded(coding, chatEvents('all ', 'fine').join('')))
      expect(envoy.response.bytes.toString()).toBe(chatEvents('all ', 'fine').join(''))
      expect(envoy.response.mutation?.remove).toContain('content-encoding')
      const flagged = exchange(mode, { ...blocking, stream })
      ask(flagged, undefined, chatRequest('hello', { stream: true }))
      answer(flagged, coding, STREAM_ANSWER, encoded(coding, chatEvents('a ', 'secret').join('')))
      const out = flagged.localReply?.body ?? flagged.response.bytes
      expect(readChatStream(out).text).toContain('Response blocked by policy')
      expect(readChatStream(out).text).not.toContain('secret')
    },
  )

  test('an answer that nothing can deny passes as it came, and its copy is read', () => {
    const watching = { outputRules: [rule(remoteGuardrail(), 'alert', 'fail-open')] }
    for (const [headers, text] of [
      [JSON_ANSWER, chatCompletion('fine')],
      [STREAM_ANSWER, chatEvents('fine').join('')],
    ] as const) {
      const envoy = exchange(mode, watching)
      ask(envoy, undefined, chatRequest('hello', { stream: true }))
      const body = encoded(coding, text)
      answer(envoy, coding, headers, body)
      expect(envoy.response.bytes.equals(body)).toBe(true)
      expect(envoy.response.mutation?.remove ?? []).not.toContain('content-encoding')
      expect(envoy.scans).toMatchObject([{ subject: { segments: [{ text: 'fine' }] } }])
      envoy.answerScan(CLEAN)
    }
  })

  test('a body that is not in that coding is a fault of every rule', () => {
    const envoy = exchange(mode, blocking)
    ask(envoy, coding, chatRequest('hello'))
    expect(envoy.localReply?.status).toBe(400)
    for (const headers of [JSON_ANSWER, STREAM_ANSWER]) {
      const response = exchange(mode, blocking)
      ask(response, undefined, chatRequest('hello', { stream: true }))
      answer(response, coding, headers, Buffer.from(chatCompletion('a secret')))
      expect(response.records.at(-1)).toMatchObject({ effective: 'denied', because: 'failed-closed' })
      expect(response.response.bytes.toString()).not.toContain('a secret')
    }
  })

  test('a bomb ends within the cap', () => {
    const limits = { maxRequestBytes: 100_000, maxResponseBytes: 100_000 }
    const body = encoded(coding, chatRequest('a'.repeat(1_000_000)))
    const envoy = exchange(mode, { ...blocking, limits })
    ask(envoy, coding, body)
    expect(envoy.localReply?.status).toBe(413)
    const response = exchange(mode, { ...blocking, limits })
    ask(response, undefined, chatRequest('hello', { stream: true }))
    answer(response, coding, STREAM_ANSWER, encoded(coding, chatEvents('a'.repeat(1_000_000)).join('')))
    expect(response.records.at(-1)).toMatchObject({ effective: 'denied', because: 'failed-closed' })
  })
})

test.each(ENVOY_MODES)('an unknown coding is 415, and an answer in one is refused (%s)', mode => {
  const envoy = exchange(mode, blocking)
  ask(envoy, 'compress', chatRequest('hello'))
  expect(envoy.localReply?.status).toBe(415)
  const response = exchange(mode, blocking)
  ask(response, undefined, chatRequest('hello'))
  answer(response, 'compress', JSON_ANSWER, Buffer.from('x'))
  expect(response.records.at(-1)).toMatchObject({ effective: 'denied', because: 'failed-closed' })
})

test.each(ENVOY_MODES)(
  'a charset that is not read here is 415, whatever the bytes say as UTF-8 (%s)',
  mode => {
    for (const [type, status] of [
      ['application/json; charset=utf-7', 415],
      ['application/json; charset="UTF-16"', 415],
      ['application/json; charset=UTF-8', undefined],
      ['application/json; charset=us-ascii; x=y', undefined],
    ] as const) {
      const envoy = exchange(mode, blocking)
      envoy.headers('request', { ...CHAT_HEADERS, 'content-type': type })
      envoy.body('request', chatRequest('hello'), 'end')
      expect(envoy.localReply?.status).toBe(status)
    }
  },
)

test('JSON that a server may read as a form of several fields is 415', () => {
  const form = { ...CHAT_HEADERS, 'content-type': 'application/x-www-form-urlencoded' }
  for (const [content, status] of [
    ['hi&prompt=attack', 415],
    ['this & that, 1 & 2 = 3', undefined],
  ] as const) {
    const envoy = exchange('full-duplex', { inputRules: [rule(flagWord('nothing'))] })
    envoy.headers('request', form)
    envoy.body('request', chatRequest(content), 'end')
    expect(envoy.localReply?.status).toBe(status)
  }
})

test('an answer whose request was never seen is told by its decoded bytes, and goes out in identity', () => {
  const envoy = exchange('full-duplex', blocking)
  answer(envoy, 'gzip', JSON_ANSWER, gzipSync(chatCompletion('fine')))
  expect(envoy.response.bytes.toString()).toBe(chatCompletion('fine'))
  expect(envoy.response.mutation?.remove).toContain('content-encoding')
  const flagged = exchange('full-duplex', blocking)
  answer(flagged, 'gzip', JSON_ANSWER, gzipSync(chatCompletion('a secret')))
  expect(flagged.localReply).toBeDefined()
})

test('a stream whose coding breaks in its middle is refused, or cut where that is forgiven', () => {
  const broken = Buffer.from(gzipSync(chatEvents('one ', 'two ').join('')))
  broken.fill(0, 60)
  for (const [forgives, ended] of [
    ['fail-closed', undefined],
    ['fail-open', 'unavailable'],
  ] as const) {
    const outputRules = [rule(flagWordAsItGrows('secret'), 'block', forgives)]
    const envoy = exchange('full-duplex', { outputRules })
    ask(envoy, undefined, chatRequest('hello', { stream: true }))
    answer(envoy, 'gzip', STREAM_ANSWER, broken)
    expect(envoy.ended?.status).toBe(ended)
    if (ended === undefined) expect(readChatStream(envoy.response.bytes).done).toBe(1)
  }
})

describe('canonicalize', () => {
  test.each(ENVOY_MODES)('forwards what was read, written anew (%s)', mode => {
    const envoy = exchange(mode, { ...blocking, canonicalize: true })
    ask(envoy, undefined, ' {"messages" : [{"role":"user","content":"h\\u0065llo"}], "x": 1.50 }\n')
    expect(envoy.request.bytes.toString()).toBe('{"messages":[{"role":"user","content":"hello"}],"x":1.5}')
    expect(envoy.request.mutation?.remove).toContain('content-length')
  })

  test('keeps the coding, also where nothing is judged before the call', () => {
    const envoy = exchange('full-duplex', { outputRules: blocking.outputRules, canonicalize: true })
    ask(envoy, 'gzip', gzipSync(' {"messages": []} '))
    expect(gunzipSync(envoy.request.bytes).toString()).toBe('{"messages":[]}')
  })

  test('is redacted like any other', () => {
    const envoy = exchange('full-duplex', { ...redacting, canonicalize: true })
    ask(envoy, undefined, ' {"messages" : [{"role":"user","content":"an attack"}]}')
    expect(envoy.request.bytes.toString()).toBe('{"messages":[{"role":"user","content":"an <WORD>"}]}')
  })
})
