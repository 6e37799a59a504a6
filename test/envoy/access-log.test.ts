import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest, STREAM_ANSWER } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'

const WORD = 'nightfall'

describe.each(ENVOY_MODES)('the access log of Envoy in %s', mode => {
  let stack: Stack
  let asked = 0
  beforeAll(async () => {
    stack = await startStack(mode)
    stack.upstream.respond(async (request, reply) => {
      const { stream }: { stream?: boolean } = JSON.parse((await request.complete).toString())
      const says = request.path.includes('word') ? `a ${WORD}` : 'fine'
      reply.head(
        200,
        stream
          ? { 'content-type': STREAM_ANSWER['content-type'] ?? '' }
          : { 'content-type': 'application/json' },
      )
      for (const chunk of stream ? chatEvents(says) : [chatCompletion(says)]) await reply.send(chunk)
      reply.end()
    })
  })
  afterAll(() => stack.stop())

  /** What the line of one exchange says of Weir. */
  async function told(way: string, body: string): Promise<Record<string, unknown>> {
    asked += 1
    const path = `/${way}-${asked}/v1/chat/completions`
    const answer = await fetch(`${stack.envoy.address}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    await answer.text()
    const line = await stack.envoy.logged(new RegExp(`^\\{.*"path":"${path}".*\\}$`, 'm'))
    return JSON.parse(line).weir
  }
  const idOf = (phase: 'request' | 'response') =>
    stack.weir.telemetry.records.findLast(record => record.phase === phase)?.exchangeId
  const CLEAN = { policy: 'chat', format: 'openai-chat', effective: 'released', because: 'clean' }

  test.each(['a stream', 'a body'])('tells both sides of %s that passed', async shape => {
    stack.use(
      policySet(
        policy({ name: 'chat', inputRules: [rule(flagWord(WORD))], outputRules: [rule(flagWord(WORD))] }),
      ),
    )
    const said = await told('clean', chatRequest('hi', { stream: shape === 'a stream' }))
    expect(said).toEqual({ exchange_id: idOf('response'), request: CLEAN, response: CLEAN })
    expect(idOf('request')).toBe(idOf('response'))
  })

  test.each([true, false])('tells why a request was denied (stream: %s)', async stream => {
    stack.use(policySet(policy({ name: 'chat', inputRules: [rule(flagWord(WORD))] })))
    const said = await told('denied', chatRequest(`a ${WORD}`, { stream }))
    expect(said).toEqual({
      exchange_id: idOf('request'),
      request: { ...CLEAN, effective: 'denied', because: 'flagged', detectors: ['test/word'] },
    })
    expect(JSON.stringify(said)).not.toContain(WORD)
  })

  test.each([true, false])('tells why an answer was denied (stream: %s)', async stream => {
    stack.use(policySet(policy({ name: 'chat', outputRules: [rule(flagWord(WORD))] })))
    const said = await told('word', chatRequest('hi', { stream }))
    expect(said).toMatchObject({
      exchange_id: idOf('response'),
      response: { effective: 'denied', because: 'flagged', detectors: ['test/word'] },
    })
  })

  test('tells what a failure led to', async () => {
    stack.use(policySet(policy({ name: 'chat', inputRules: [rule(flagWord(WORD))] })))
    const said = await told('broken', '{"messages":')
    expect(said).toMatchObject({
      request: { effective: 'denied', because: 'failed-closed', failures: ['undecodable'] },
    })
  })

  test('tells what would have come of an alert', async () => {
    stack.use(policySet(policy({ name: 'chat', inputRules: [rule(flagWord(WORD), 'alert')] })))
    const said = await told('alert', chatRequest(`a ${WORD}`))
    expect(said).toMatchObject({
      request: { effective: 'released', because: 'alerted', would: { block: 'denied', redact: 'redacted' } },
    })
  })

  test('tells nothing of what no policy takes', async () => {
    stack.use(policySet())
    expect(await told('none', chatRequest('hi'))).toBeNull()
  })
})
