import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { ExchangeInit } from '../../src/exchange/host.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { CHAT_HEADERS, chatEvents, chatRequest, readChatStream, STREAM_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { CLEAN, flagWordAsItGrows, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

const REFUSAL = 'Response blocked by policy'
const growing = [rule(flagWordAsItGrows('secret'))]
const remote = [rule(remoteGuardrail())]
const forgiving = [rule(remoteGuardrail(), 'block', 'fail-open')]
const TIME_IS_OVER = { kind: 'deadline' } as const
const SPENT = { kind: 'over-budget' } as const

interface Setting extends Partial<Omit<Policy, 'stream' | 'limits'>> {
  readonly stream?: Partial<Policy['stream']>
  readonly maxResponseBytes?: number
}

function streaming(
  { stream = {}, maxResponseBytes = 33_554_432, ...overrides }: Setting,
  mode: BodyMode = 'full-duplex',
  init: Partial<ExchangeInit> & { readonly localScans?: 'late' } = {},
  path = '/v1/chat/completions',
): EnvoyModel {
  const set = policySet(
    policy({
      ...overrides,
      stream: { ...policy().stream, ...stream },
      limits: { ...policy().limits, maxResponseBytes },
    }),
  )
  const envoy = new EnvoyModel(set, { mode, ...init })
  envoy.headers('request', { ...CHAT_HEADERS, ':path': path })
  envoy.body('request', chatRequest('hello', { stream: true }), 'end')
  envoy.headers('response', STREAM_ANSWER)
  return envoy
}

const sent = (envoy: EnvoyModel): string => envoy.response.bytes.toString()
const scanned = (envoy: EnvoyModel): readonly string[] =>
  envoy.scans.flatMap(scan => scan.subject.segments.map(({ text }) => text))

describe('exactly what is allowed', () => {
  const events = chatEvents('fine')
  const bytes = Buffer.byteLength(events.join(''))

  test.each(ENVOY_MODES)('of max_response_bytes passes, and one byte more does not (%s)', mode => {
    const [whole, cut] = [bytes, bytes - 1].map(maxResponseBytes => {
      const envoy = streaming({ outputRules: growing, maxResponseBytes }, mode)
      envoy.body('response', events.join(''), 'end')
      return envoy
    })
    expect(sent(whole!)).toBe(events.join(''))
    expect(whole!.records.at(-1)).toMatchObject({ effective: 'released', because: 'clean' })
    expect(cut!.records.at(-1)).toMatchObject({ effective: 'denied', bodyFault: 'over-limit' })
  })

  test('of max_held_bytes waits for its verdict, and one byte more does not', () => {
    const [whole, over] = [bytes, bytes - 1].map(maxHeldBytes => {
      const envoy = streaming({ outputRules: remote, stream: { maxHeldBytes, onHeldLimit: 'deny' } })
      envoy.body('response', events.join(''), 'end')
      return envoy
    })
    whole!.answerScan(CLEAN)
    expect(sent(whole!)).toBe(events.join(''))
    expect(readChatStream(over!.response.bytes).text).toBe(REFUSAL)
  })
})

describe('what comes after a limit', () => {
  test('is not taken, although the verdict on what came before is on its way', () => {
    const events = chatEvents('fine ', 'more ', 'rest')
    const maxResponseBytes = Buffer.byteLength(events.slice(0, 2).join('')) + 20
    const envoy = streaming({ outputRules: remote, maxResponseBytes })
    for (const event of events.slice(0, 3)) envoy.body('response', event)
    envoy.body('response', events.slice(3).join(''))
    envoy.body('response', '', 'end')
    envoy.answerScan(CLEAN)
    expect(envoy.scans).toEqual([])
    expect(sent(envoy).startsWith(events.slice(0, 2).join(''))).toBe(true)
    expect(readChatStream(envoy.response.bytes).text).toBe(`fine \n\n${REFUSAL}`)
  })

  test('behind the own end of the stream is not taken, and the client hears nothing of it', () => {
    const whole = chatEvents('fine').join('')
    const maxResponseBytes = Buffer.byteLength(whole)
    const envoy = streaming({ outputRules: growing, maxResponseBytes })
    envoy.body('response', whole)
    envoy.body('response', chatEvents('secret').join(''))
    expect([sent(envoy), envoy.response.endOut]).toEqual([whole, true])
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', bodyFault: 'over-limit' })
  })

  test('of a single event that is too large passes at once where that is forgiven', () => {
    const event = chatEvents('x'.repeat(500))[1]!
    const envoy = streaming({ outputRules: forgiving, stream: { maxHeldBytes: 100 } })
    envoy.body('response', event.slice(0, 300))
    expect(sent(envoy)).toBe(event.slice(0, 300))
    envoy.body('response', event.slice(300), 'end')
    expect(sent(envoy)).toBe(event)
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'failed-open' })
  })
})

describe('a stream whose time is over', () => {
  test('although it has ended waits for its verdict, with no terminator of its own', () => {
    const events = chatEvents('fine').slice(0, 3)
    const envoy = streaming({ outputRules: remote })
    for (const event of events) envoy.body('response', event)
    envoy.body('response', '', 'end')
    envoy.step(TIME_IS_OVER)
    envoy.answerScan(CLEAN)
    expect(sent(envoy)).toBe(events.join(''))
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'clean' })
  })

  test('although all of it has gone is ended, and nothing is wrong with it', () => {
    const envoy = streaming({ outputRules: growing, stream: { delivery: 'window' } })
    for (const event of chatEvents('fine')) envoy.body('response', event)
    expect([sent(envoy), envoy.response.endOut]).toEqual([chatEvents('fine').join(''), false])
    envoy.step(TIME_IS_OVER)
    expect([sent(envoy), envoy.response.endOut]).toEqual([chatEvents('fine').join(''), true])
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'clean' })
  })

  test('behind whose own end half an event has come is not as it should be', () => {
    const envoy = streaming({ outputRules: growing, stream: { delivery: 'window' } })
    for (const event of chatEvents('fine')) envoy.body('response', event)
    envoy.body('response', 'data: {"cho')
    envoy.step(TIME_IS_OVER)
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'denied', because: 'failed-closed' })
    expect(sent(envoy)).not.toContain('{"cho')
  })

  test('passes whole without its verdict when there is no room for it, where that is forgiven', () => {
    const envoy = streaming({ outputRules: forgiving })
    envoy.body('response', chatEvents('fine').join(''))
    envoy.step(TIME_IS_OVER)
    envoy.step(SPENT)
    expect([sent(envoy), envoy.response.endOut]).toEqual([chatEvents('fine').join(''), true])
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'failed-open' })
  })
})

test.each(ENVOY_MODES)('a stream that has ended and finds no room ends where that is forgiven (%s)', mode => {
  const envoy = streaming({ outputRules: forgiving }, mode)
  envoy.body('response', chatEvents('fine').join(''), 'end')
  envoy.step(SPENT)
  expect([sent(envoy), envoy.response.endOut]).toEqual([chatEvents('fine').join(''), true])
  expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'failed-open' })
})

test('a refused stream waits for nobody: neither for its scan nor for room', () => {
  const waiting = streaming({ outputRules: remote })
  waiting.body('response', chatEvents('fine').join(''))
  expect(waiting.canWait).toBe(true)
  waiting.step(SPENT)
  expect(waiting.canWait).toBe(false)
  const full = streaming({ outputRules: growing, stream: { delivery: 'window', maxHeldBytes: 400 } })
  full.body('response', `${chatEvents('a secret')[1]}data: ${'x'.repeat(1000)}`)
  expect(full.records.at(-1)).toMatchObject({ effective: 'denied' })
  expect([full.paused, full.canWait]).toEqual([false, false])
  const unread = streaming({ outputRules: growing }, 'full-duplex', { localScans: 'late' })
  unread.body('response', chatEvents(`secret ${'x'.repeat(50_000)}`)[1]!)
  expect(unread.records.at(-1)).toMatchObject({ effective: 'denied' })
  expect([unread.canWait, unread.turnsOwed]).toEqual([false, 0])
})

test('text that the end of an event may repeat is kept until then, and counted', () => {
  const delta = { type: 'response.output_text.delta', item_id: 'a', output_index: 0, content_index: 0 }
  const event = `event: ${delta.type}\ndata: ${JSON.stringify({ ...delta, delta: 'some text' })}\n\n`
  const envoy = streaming(
    { outputRules: growing, stream: { delivery: 'window' } },
    'full-duplex',
    {},
    '/v1/responses',
  )
  envoy.body('response', event)
  expect(sent(envoy)).toBe(event)
  expect(envoy.keptBytes).toBe('some text'.length)
})

describe('an answer of which nothing is text', () => {
  const [role, , finish, done] = chatEvents('')
  const image = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { audio: { data: 'AAAA' } } }] })}\n\n`
  const events = [role!, image, finish!, done!]

  test.each(['skip', 'warn'] as const)('passes with fail_mode: %s, and is counted once', failMode => {
    const envoy = streaming({ outputRules: growing, failMode })
    for (const event of events) envoy.body('response', event)
    envoy.body('response', '', 'end')
    expect(sent(envoy)).toBe(events.join(''))
    expect(envoy.counts).toEqual(['uninspectable', 'unsupported'])
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'released', because: 'unsupported' })
  })
})

describe('text that rules read as it grows', () => {
  const large = 'x'.repeat(10_000)

  test('is read as far in each event as in any', () => {
    const setting = { outputRules: growing, stream: { delivery: 'window' as const } }
    const envoy = streaming(setting, 'full-duplex', { localScans: 'late' })
    const events = chatEvents(large, large, large)
    for (const event of events) envoy.body('response', event)
    envoy.body('response', '', 'end')
    expect([envoy.turnsOwed, sent(envoy)]).toEqual([0, events.join('')])
  })

  test('is read as far in trailers as in any event', () => {
    const envoy = streaming({ outputRules: growing }, 'full-duplex', { localScans: 'late' })
    const tool = { index: 0, id: 'call_0', function: { name: 'run', arguments: `{"a":"${large}"}` } }
    const call = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [tool] } }] })}\n\n`
    const text = chatEvents(large)[1]!
    // What a tool call says is source, which is read when it is whole.
    envoy.body('response', text + call)
    envoy.trailers('response')
    expect([envoy.turnsOwed, sent(envoy)]).toEqual([0, text + call])
  })

  test('is read whole before those that scan by windows see the end of it', () => {
    const envoy = streaming({ outputRules: [...growing, ...remote] }, 'full-duplex', { localScans: 'late' })
    const events = chatEvents(large.repeat(4))
    envoy.body('response', events.join(''), 'end')
    while (envoy.turnsOwed > 0) {
      expect(envoy.scans).toEqual([])
      envoy.goOn()
    }
    expect(scanned(envoy)).toEqual([large.repeat(4)])
    expect(envoy.scans).toMatchObject([{ subject: { final: true } }])
    envoy.answerScan(CLEAN)
    expect(sent(envoy)).toBe(events.join(''))
  })

  test('is settled by the terminator of the stream: what could have begun a finding goes', () => {
    const envoy = streaming({ outputRules: growing, stream: { delivery: 'window' } })
    for (const event of chatEvents('my sec')) envoy.body('response', event)
    expect(sent(envoy)).toBe(chatEvents('my sec').join(''))
  })

  test('is refused once when its end brings out several findings', () => {
    const call = (choice: number): string => {
      const tool = { index: 0, id: `call_${choice}`, function: { name: 'run', arguments: '{"a":"secret"}' } }
      return `data: ${JSON.stringify({ choices: [{ index: choice, delta: { tool_calls: [tool] } }] })}\n\n`
    }
    const envoy = streaming({ outputRules: growing, stream: { delivery: 'window' } })
    for (const event of [call(0), call(1), 'data: [DONE]\n\n']) envoy.body('response', event)
    expect(sent(envoy).split(REFUSAL)).toHaveLength(2)
    expect(sent(envoy)).not.toContain('call_')
    expect(envoy.records).toHaveLength(1)
  })
})
