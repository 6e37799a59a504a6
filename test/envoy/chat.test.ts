import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { gate } from '../support/upstream.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const STREAM_TYPE = { 'content-type': 'text/event-stream' }
const both = { inputRules: [rule(flagWord('attack'))], outputRules: [rule(flagWord('secret'))] }

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer())
}

const withoutHeartbeats = (bytes: Buffer): string => bytes.toString().replaceAll(':\n\n', '')

describe.each(ENVOY_MODES)('through a real Envoy in %s', mode => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack(mode)
  })
  afterAll(() => stack.stop())
  const use = (overrides: Partial<Policy>): void => stack.use(policySet(policy(overrides)))

  test('a clean JSON exchange passes byte for byte, both ways', async () => {
    use(both)
    const answer = chatCompletion('all fine')
    stack.upstream.respond({ headers: { ...JSON_TYPE, 'content-length': answer.length }, chunks: [answer] })
    const body = chatRequest('hello', { odd: [1.0, 'é'] })
    const count = stack.upstream.requests.length
    const response = await stack.chat(body, { headers: { 'accept-encoding': 'gzip' } })
    expect(response.status).toBe(200)
    expect((await bytesOf(response)).toString()).toBe(answer)
    const seen = await stack.upstream.request(count)
    expect((await seen.complete).toString()).toBe(body)
    expect(seen.headers['accept-encoding']).toBeUndefined()
  })

  test('a clean stream passes byte for byte, heartbeats aside', async () => {
    use(both)
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('all ', 'fine ', 'é😀') })
    const response = await stack.chat(chatRequest('hello', { stream: true }))
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(withoutHeartbeats(await bytesOf(response))).toBe(chatEvents('all ', 'fine ', 'é😀').join(''))
  })

  test('a denied request never reaches the upstream, and its client gets the JSON refusal', async () => {
    use(both)
    const count = stack.upstream.requests.length
    const response = await stack.chat(chatRequest('an attack'))
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-should-retry': 'false',
      'x-weir-decision': 'deny',
      'x-weir-reason': 'flagged',
    })
    const answer = JSON.parse(await response.text())
    expect(answer.choices[0]).toMatchObject({
      message: { content: 'Request blocked by policy' },
      finish_reason: 'content_filter',
    })
    const reached = stack.upstream.requests.slice(count)
    for (const request of reached) await expect(request.complete).rejects.toThrow()
    if (mode !== 'streamed') expect(reached).toHaveLength(0)
    await stack.envoy.logged(/weir_request_denied_flagged/)
  })

  test('a denied request of a streaming client gets a whole event stream, at once', async () => {
    use(both)
    const response = await stack.chat(chatRequest('an attack', { stream: true }))
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const bytes = await bytesOf(response)
    expect(readChatStream(bytes)).toEqual({
      text: 'Request blocked by policy',
      finish: 'content_filter',
      done: 1,
      roles: 1,
    })
    expect(bytes.toString().endsWith('data: [DONE]\n\n')).toBe(true)
  })

  test('a denied request with deny_code 403 gets the error object, streaming or not', async () => {
    use({ ...both, denyCode: 403 })
    for (const stream of [true, false]) {
      const response = await stack.chat(chatRequest('an attack', { stream }))
      expect(response.status).toBe(403)
      expect(response.headers.get('content-type')).toBe('application/json')
      expect(await response.json()).toMatchObject({ error: { message: 'Request blocked by policy' } })
    }
  })

  test('a denied JSON answer is replaced whole', async () => {
    use(both)
    const answer = chatCompletion('the secret')
    stack.upstream.respond({ headers: { ...JSON_TYPE, 'content-length': answer.length }, chunks: [answer] })
    const response = await stack.chat(chatRequest('hello'))
    const text = (await bytesOf(response)).toString()
    expect(JSON.parse(text).choices[0].message.content).toBe('Response blocked by policy')
    expect(text).not.toContain('secret')
    expect(response.headers.get('x-weir-reason')).toBe('flagged')
  })

  test('a denied JSON answer with deny_code 403 is a 403, although the upstream said 200', async () => {
    use({ ...both, denyCode: 403 })
    stack.upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('the secret')] })
    const response = await stack.chat(chatRequest('hello'))
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ error: { code: 'content_filter' } })
  })

  test('a denied stream ends as a refusal in the stream, with no fragment of the answer', async () => {
    use(both)
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('a sec', 'ret ', 'word') })
    const response = await stack.chat(chatRequest('hello', { stream: true }))
    const bytes = await bytesOf(response)
    expect(readChatStream(bytes)).toMatchObject({
      text: 'Response blocked by policy',
      finish: 'content_filter',
      done: 1,
      roles: 1,
    })
    expect(bytes.toString()).not.toContain('sec')
    expect(await stack.weir.telemetry.decided('response')).toMatchObject({ effective: 'denied' })
  })

  test('a redacted request reaches the upstream redacted, with its right length', async () => {
    use({ inputRules: [rule(flagWord('secret'), 'redact')] })
    stack.upstream.respond({ headers: JSON_TYPE, chunks: ['{}'] })
    const count = stack.upstream.requests.length
    expect((await stack.chat(chatRequest('my secret'))).status).toBe(200)
    const seen = await stack.upstream.request(count)
    expect((await seen.complete).toString()).toBe(chatRequest('my <WORD>'))
  })

  test('a redacted JSON answer reaches the client whole, with its right length', async () => {
    use({ outputRules: [rule(flagWord('secret'), 'redact')] })
    const answer = chatCompletion('the secret is out, and it is a long one')
    stack.upstream.respond({
      headers: { ...JSON_TYPE, 'content-length': answer.length, etag: '"1"' },
      chunks: [answer],
    })
    const response = await stack.chat(chatRequest('hello'))
    expect((await bytesOf(response)).toString()).toBe(answer.replace('secret', '<WORD>'))
  })

  test('faults of the body get the status and shape that say so', async () => {
    use({ ...both, limits: { maxRequestBytes: 100_000, maxResponseBytes: 100_000 } })
    const cases: [string, Record<string, string>, number][] = [
      ['{"messages": [', {}, 400],
      [chatRequest('x'.repeat(200_000)), {}, 413],
      [chatRequest('hello'), { 'content-encoding': 'x-mine' }, 415],
    ]
    for (const [body, headers, status] of cases) {
      const response = await stack.chat(body, { headers })
      expect(response.status).toBe(status)
      expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } })
    }
  })

  test('an error of the upstream passes as it is', async () => {
    use(both)
    const headers = { ...JSON_TYPE, 'retry-after': '7' }
    stack.upstream.respond({ status: 429, headers, chunks: ['{"error":"secret"}'] })
    const response = await stack.chat(chatRequest('hello', { stream: true }))
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7'])
    expect(await response.text()).toBe('{"error":"secret"}')
  })

  test('an unsupported path passes by default, and is refused with fail_mode error', async () => {
    use(both)
    stack.upstream.respond({ headers: JSON_TYPE, chunks: ['{"data":"secret"}'] })
    const url = `${stack.envoy.address}/v1/models`
    expect(await (await fetch(url)).text()).toBe('{"data":"secret"}')
    const posted = await fetch(url, { method: 'POST', body: 'x'.repeat(100_000) })
    expect(await posted.text()).toBe('{"data":"secret"}')
    use({ ...both, failMode: 'error' })
    const refused = await fetch(url)
    expect([refused.status, refused.headers.get('x-should-retry')]).toEqual([500, 'false'])
  })

  test('a large body passes whole', async () => {
    use(both)
    const large = chatCompletion('y'.repeat(2_000_000))
    stack.upstream.respond({ headers: JSON_TYPE, chunks: [large] })
    const body = chatRequest('z'.repeat(2_000_000))
    const count = stack.upstream.requests.length
    const response = await stack.chat(body)
    expect((await bytesOf(response)).equals(Buffer.from(large))).toBe(true)
    expect((await (await stack.upstream.request(count)).complete).equals(Buffer.from(body))).toBe(true)
  })

  test('an empty body and a bodiless answer pass', async () => {
    use(both)
    stack.upstream.respond({ status: 204 })
    const response = await stack.chat('')
    expect(response.status).toBe(204)
    stack.upstream.respond({ headers: JSON_TYPE, chunks: [] })
    const empty = await stack.chat(chatRequest('hello'))
    expect([empty.status, await empty.text()].slice(0, 1)).toEqual([200])
  })

  test('a stream that is cut by the upstream while it is held lets nothing out', async () => {
    use(both)
    stack.upstream.respond({
      headers: STREAM_TYPE,
      chunks: chatEvents('a secret').slice(0, 2),
      ending: 'cut',
    })
    const outcome = await stack.chat(chatRequest('hello', { stream: true })).then(
      response => bytesOf(response).catch(() => Buffer.alloc(0)),
      () => Buffer.alloc(0),
    )
    expect(outcome.toString()).not.toContain('secret')
    expect((await stack.weir.telemetry.decided('response')).effective).not.toBe('released')
  })

  test('live delivery hands every event on as it comes, and judges at the end', async () => {
    if (mode === 'buffered') return
    use({ outputRules: [rule(flagWord('secret'), 'alert', 'fail-open')] })
    const [first, ...rest] = chatEvents('the secret')
    const hold = gate()
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: [first!, hold, ...rest] })
    const response = await stack.chat(chatRequest('hello', { stream: true }))
    const reader = response.body!.getReader()
    const early = await reader.read()
    expect(Buffer.from(early.value!).toString()).toBe(first)
    hold.open()
    let all = Buffer.from(early.value!)
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      all = Buffer.concat([all, next.value])
    }
    expect(all.toString()).toBe(chatEvents('the secret').join(''))
    expect(await stack.weir.telemetry.decided('response')).toMatchObject({
      effective: 'released',
      because: 'alerted',
      delivery: 'live',
    })
  })

  test('a withheld stream gives signs of life', async () => {
    if (mode === 'buffered') return
    use({ ...both, stream: { ...policy().stream, heartbeatMs: 20 } })
    const { telemetry } = stack.weir
    const hasBeaten = (): boolean => telemetry.counts.includes('heartbeat')
    const [first, ...rest] = chatEvents('fine', 'too')
    const hold = gate()
    let sent = ''
    stack.upstream.respond(async (request, reply) => {
      const send = async (text: string): Promise<void> => {
        sent += text
        await reply.send(text)
      }
      await request.complete
      reply.head(200, STREAM_TYPE)
      await send(first!)
      // In STREAMED the place for a sign of life is that of a chunk which is held.
      while (!hasBeaten()) {
        await send(': more to come\n\n')
        await telemetry.until(() => hasBeaten() || telemetry.heldBytes >= sent.length)
      }
      await hold.opened
      for (const event of rest) await send(event)
      reply.end()
    })
    const response = await stack.chat(chatRequest('hello', { stream: true }))
    const reader = response.body!.getReader()
    const beat = Buffer.from((await reader.read()).value!)
    expect(beat.toString()).toMatch(/^(?::\n\n)+$/)
    hold.open()
    let all = beat
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      all = Buffer.concat([all, next.value])
    }
    expect(withoutHeartbeats(all)).toBe(sent)
  })

  test('a client that goes away while a stream is held is noticed, and the upstream let go', async () => {
    use(both)
    const hold = gate()
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: [chatEvents('x')[1]!, hold] })
    const count = stack.upstream.requests.length
    const abort = new AbortController()
    const pending = stack.chat(chatRequest('hello', { stream: true }), { signal: abort.signal })
    const seen = await stack.upstream.request(count)
    await stack.weir.telemetry.until(() => stack.weir.telemetry.records.some(r => r.phase === 'request'))
    abort.abort()
    await pending.then(response => response.body?.cancel()).catch(() => {})
    await seen.aborted
    hold.open()
  })
})
