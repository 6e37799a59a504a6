import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { GUARD_KINDS, type GuardKind, type KindPolicy, snapshotOfKind } from '../support/guard-kinds.ts'
import { type FrontFault, type ServiceFront, startServiceFront } from '../support/service-front.ts'
import { type Stack, startStack } from '../support/stack.ts'

const SECRET = 'what-must-not-leak'

let stack: Stack
beforeAll(async () => {
  stack = await startStack('full-duplex')
})
afterAll(async () => {
  await stack.stop()
})

/** Answers a stream by events, anything else by a JSON body; returns the exact bytes of both. */
function answerWith(...tokens: readonly string[]): { readonly json: string; readonly events: string } {
  const json = chatCompletion(tokens.join(''))
  const events = chatEvents(...tokens)
  stack.upstream.respond(async (request, reply) => {
    const asked: { stream?: boolean } = JSON.parse((await request.complete).toString())
    reply.head(200, { 'content-type': asked.stream ? 'text/event-stream' : 'application/json' })
    for (const chunk of asked.stream ? events : [json]) await reply.send(chunk)
    reply.end()
  })
  return { json, events: events.join('') }
}

async function ask(content: string, stream: boolean): Promise<{ status: number; body: string }> {
  const response = await stack.chat(chatRequest(content, { stream }))
  return { status: response.status, body: await response.text() }
}

describe.each(GUARD_KINDS)('$title behind a real Envoy', (kind: GuardKind) => {
  let service: Awaited<ReturnType<GuardKind['start']>>
  let front: ServiceFront
  let snapshot: Snapshot | undefined
  beforeEach(async () => {
    service = await kind.start()
    front = await startServiceFront(service.origin)
  })
  afterEach(async () => {
    await snapshot?.close()
    await front.close()
    await service.close()
  })

  function use(policy: KindPolicy = {}): void {
    snapshot = snapshotOfKind(kind, front.origin, {}, policy)
    stack.use(snapshot.policySet)
  }

  test('a clean exchange passes byte-exact, both sides judged', async () => {
    use()
    const { json, events } = answerWith('all ', 'fine')
    const before = stack.upstream.requests.length
    expect(await ask('hello', false)).toEqual({ status: 200, body: json })
    const sent = await (await stack.upstream.request(before)).complete
    expect(sent.toString()).toBe(chatRequest('hello', { stream: false }))
    expect(front.requests).toHaveLength(2)
    const streamed = await ask('hello', true)
    // Heartbeats are comments, which no client sees.
    expect(streamed.body.replace(/^:.*\n\n?/gm, '')).toBe(events)
    expect(front.requests.length).toBeGreaterThanOrEqual(4)
  })

  test('a flagged prompt is denied in protocol and never reaches the upstream', async () => {
    use()
    answerWith('an answer')
    const before = stack.upstream.requests.length
    const { status, body } = await ask(kind.flagged, false)
    expect(status).toBe(200)
    expect(JSON.parse(body).choices[0]).toMatchObject({
      message: { role: 'assistant', content: 'Request blocked by policy' },
    })
    const streamed = readChatStream(Buffer.from((await ask(kind.flagged, true)).body))
    expect(streamed).toMatchObject({ text: 'Request blocked by policy', done: 1, roles: 1 })
    expect(stack.upstream.requests).toHaveLength(before)
    expect(await stack.weir.telemetry.decided('request')).toMatchObject({
      effective: 'denied',
      because: 'flagged',
      rules: [{ guardrail: 'guard', outcome: 'flagged' }],
    })
  })

  test('a flagged answer is denied in protocol', async () => {
    use()
    answerWith(`${SECRET} ${kind.flagged}`)
    const { status, body } = await ask('hello', false)
    expect(status).toBe(200)
    expect(JSON.parse(body).choices[0].message.content).toBe('Response blocked by policy')
    expect(body).not.toContain(SECRET)
  })

  test('a flagged answer that streams leaks nothing and ends in protocol (withhold)', async () => {
    use({ stream: { delivery: 'withhold' } })
    answerWith('so far ', `${SECRET} `, kind.flagged, ' and on')
    const { body } = await ask('hello', true)
    expect(readChatStream(Buffer.from(body))).toMatchObject({
      text: 'Response blocked by policy',
      done: 1,
      roles: 1,
    })
    expect(body).not.toMatch(new RegExp(`so far|${SECRET}|${kind.flagged}`))
  })

  test('a flagged answer that streams leaks none of what is flagged and ends in protocol (window)', async () => {
    use({ stream: { delivery: 'window' } })
    // All of it together is shorter than what a window holds back.
    answerWith(`${SECRET} `, kind.flagged, ' and on')
    const { body } = await ask('hello', true)
    const read = readChatStream(Buffer.from(body))
    expect(read).toMatchObject({ done: 1, roles: 1 })
    expect(read.text.endsWith('Response blocked by policy')).toBe(true)
    expect(body).not.toMatch(new RegExp(`${SECRET}|${kind.flagged}|and on`))
  })

  const broken: readonly (readonly [string, FrontFault | 'closed'])[] = [
    ['not there', 'closed'],
    ['answering 503', { kind: 'status', status: 503 }],
    ['answering nonsense', { kind: 'body', body: '{"ok":' }],
  ]
  test.each(broken)('a service that is %s denies, or passes with fail_open', async (_, fault) => {
    if (fault === 'closed') await front.close()
    else front.fault = fault
    const { json, events } = answerWith('all fine')
    use()
    const denied = await ask('hello', false)
    expect(JSON.parse(denied.body).choices[0].message.content).toBe('Request blocked by policy')
    expect(await stack.weir.telemetry.decided('request')).toMatchObject({
      effective: 'denied',
      because: 'failed-closed',
    })
    await snapshot?.close()
    use({ rule: { fail_open: true } })
    expect((await ask('hello', false)).body).toBe(json)
    expect(await stack.weir.telemetry.decided('request')).toMatchObject({
      effective: 'released',
      because: 'failed-open',
    })
    expect((await ask('hello', true)).body.replace(/^:.*\n\n?/gm, '')).toBe(events)
  })
})
