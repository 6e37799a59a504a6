import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Policy, Rule } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import {
  CHAT_HEADERS,
  chatEvents,
  chatRequest,
  JSON_ANSWER,
  readChatStream,
  STREAM_ANSWER,
} from '../support/chat.ts'
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

const REFUSAL = 'Response blocked by policy'
const DELIVERIES = ['window', 'withhold'] as const

function streaming(outputRules: Rule[], overrides: Partial<Policy> = {}, mode: BodyMode = 'full-duplex') {
  const envoy = new EnvoyModel(policySet(policy({ outputRules, ...overrides })), { mode })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello', { stream: true }), 'end')
  envoy.headers('response', STREAM_ANSWER)
  return envoy
}

/** A limit inside the third event: two of them are whole. */
function limited(delivery: Policy['stream']['delivery']): Partial<Policy> {
  const [role, first] = chatEvents('fine ', 'rest')
  const maxResponseBytes = Buffer.byteLength(`${role}${first}`) + 20
  return {
    stream: { ...policy().stream, delivery },
    limits: { ...policy().limits, maxResponseBytes },
  }
}

describe.each(DELIVERIES)('a stream past max_response_bytes, delivery %s', delivery => {
  test.each(ENVOY_MODES)('gives what is clean, then refuses the rest in protocol (%s)', mode => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'))], limited(delivery), mode)
    const events = chatEvents('fine ', 'rest')
    if (mode === 'buffered') envoy.body('response', events.join(''), 'end')
    else for (const event of events) envoy.body('response', event)
    expect(envoy.localReply).toBeUndefined()
    expect(readChatStream(envoy.response.bytes)).toMatchObject({
      text: `fine \n\n${REFUSAL}`,
      finish: 'content_filter',
      done: 1,
    })
    const [role, first] = events
    expect(envoy.response.bytes.toString().startsWith(`${role}${first}`)).toBe(true)
    const record = envoy.records.at(-1)
    expect(record).toMatchObject({ effective: 'denied', because: 'failed-closed', bodyFault: 'over-limit' })
    expect(record?.rules).toMatchObject([{ outcome: 'failure', reason: 'over-limit' }])
  })

  test('denies as flagged when what is held is', () => {
    const envoy = streaming([rule(flagWordAsItGrows('fine'))], limited(delivery))
    for (const event of chatEvents('fine ', 'rest')) envoy.body('response', event)
    expect(readChatStream(envoy.response.bytes).text).toBe(REFUSAL)
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', because: 'flagged' })
  })

  test.each(ENVOY_MODES)('waits for the verdict of a remote rule on what is held (%s)', mode => {
    const envoy = streaming([rule(remoteGuardrail())], limited(delivery), mode)
    const events = chatEvents('fine ', 'rest')
    if (mode === 'buffered') envoy.body('response', events.join(''), 'end')
    else for (const event of events.slice(0, 3)) envoy.body('response', event)
    expect(envoy.response.bytes.toString()).not.toContain('fine')
    expect(envoy.scans).toMatchObject([{ subject: { final: true, segments: [{ text: 'fine ' }] } }])
    envoy.answerScan(CLEAN)
    expect(readChatStream(envoy.response.bytes).text).toBe(`fine \n\n${REFUSAL}`)
    expect(envoy.scans).toEqual([])
  })

  test('passes the rest when every rule forgives it', () => {
    const rules = [rule(flagWordAsItGrows('secret'), 'block', 'fail-open')]
    const envoy = streaming(rules, limited(delivery))
    const events = chatEvents('fine ', 'rest', 'secret')
    for (const event of events) envoy.body('response', event)
    expect(envoy.response.bytes.toString()).toBe(events.join(''))
  })
})

describe.each(DELIVERIES)('a stream past max_duration_ms, delivery %s', delivery => {
  const stream = { stream: { ...policy().stream, delivery } }

  test('gives what is clean, then ends in protocol', () => {
    const envoy = streaming([rule(remoteGuardrail())], stream)
    for (const event of chatEvents('fine').slice(0, 2)) envoy.body('response', event)
    envoy.step({ kind: 'deadline' })
    envoy.answerScan(CLEAN)
    expect(readChatStream(envoy.response.bytes)).toMatchObject({ text: `fine\n\n${REFUSAL}`, done: 1 })
    expect(envoy.response.endOut).toBe(true)
  })

  test('takes the flagged for an answer', () => {
    const envoy = streaming([rule(remoteGuardrail())], stream)
    for (const event of chatEvents('bad').slice(0, 2)) envoy.body('response', event)
    envoy.step({ kind: 'deadline' })
    envoy.answerScan(FLAGGED)
    expect(readChatStream(envoy.response.bytes)).toMatchObject({ text: REFUSAL, done: 1 })
  })

  test('that has had its terminator is not refused', () => {
    const envoy = streaming([rule(remoteGuardrail())], stream)
    envoy.body('response', chatEvents('fine').join(''))
    envoy.step({ kind: 'deadline' })
    envoy.answerScan(CLEAN)
    expect(envoy.response.bytes.toString()).toBe(chatEvents('fine').join(''))
    expect(envoy.response.endOut).toBe(true)
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'clean' })
  })

  test('in STREAMED without a chunk to answer is cut, and recorded so', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'))], stream, 'streamed')
    for (const event of chatEvents('fine sec').slice(0, 2)) envoy.body('response', event)
    envoy.step({ kind: 'deadline' })
    expect(envoy.ended).toMatchObject({ status: 'unavailable' })
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'discarded', because: 'failed-closed' })
  })

  test('in STREAMED that is whole but for its HTTP end is cut, and was released', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'))], stream, 'streamed')
    envoy.body('response', chatEvents('fine').join(''))
    envoy.step({ kind: 'deadline' })
    expect(envoy.ended).toMatchObject({ status: 'unavailable' })
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'clean' })
  })
})

test.each(['streamed', 'buffered'] as const)('a JSON body that takes too long is cut (%s)', mode => {
  const envoy = new EnvoyModel(policySet(policy({ outputRules: [rule(remoteGuardrail())] })), { mode })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello'), 'end')
  envoy.headers('response', JSON_ANSWER)
  envoy.step({ kind: 'deadline' })
  expect(envoy.ended).toMatchObject({ status: 'unavailable' })
})

describe('a tool call', () => {
  const call = (fields: Record<string, unknown>, finish: string | null = null): string => {
    const delta = { tool_calls: [{ index: 0, ...fields }] }
    return `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  }
  const opening = call({ id: 'call_1', type: 'function', function: { name: 'run', arguments: '' } })
  const args = (text: string): string => call({ function: { arguments: text } })
  const finish = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] })}\n\n`
  const windowed = { stream: { ...policy().stream, delivery: 'window' as const } }

  test('does not begin before its arguments were judged', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'))], windowed)
    const [role, text] = chatEvents('one moment')
    for (const event of [role!, text!, opening, args('{"a":')]) envoy.body('response', event)
    expect(envoy.response.bytes.toString()).toBe(`${role}${text}`)
    for (const event of [args('"secret"}'), finish]) envoy.body('response', event)
    expect(envoy.response.bytes.toString()).not.toContain('call_1')
    expect(readChatStream(envoy.response.bytes).text).toBe(`one moment\n\n${REFUSAL}`)
  })

  test('without arguments goes when it is complete', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'))], windowed)
    for (const event of [opening, finish]) envoy.body('response', event)
    expect(envoy.response.bytes.toString()).toBe(`${opening}${finish}`)
  })

  test('that a limit cuts never goes in part', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'))], windowed)
    for (const event of [chatEvents('x')[1]!, opening, args('{"a":')]) envoy.body('response', event)
    envoy.step({ kind: 'deadline' })
    expect(envoy.response.bytes.toString()).not.toContain('call_1')
    expect(readChatStream(envoy.response.bytes)).toMatchObject({ text: `x\n\n${REFUSAL}`, done: 1 })
  })

  test('whose upstream writes on after its finish is judged across that place', () => {
    const envoy = streaming([rule(flagWordAsItGrows('secret'))], windowed)
    for (const event of [opening, args('sec'), finish, args('ret')]) envoy.body('response', event)
    expect(envoy.response.bytes.toString()).toContain('"sec"')
    envoy.body('response', '', 'end')
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', because: 'flagged' })
    expect(envoy.response.bytes.toString()).not.toContain('"ret"')
  })
})
