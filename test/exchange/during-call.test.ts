import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Outcome } from '../../src/guardrail/guardrail.ts'
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

const CANCELLED: Outcome = { kind: 'failure', reason: 'cancelled', ms: 1 }
const TIMEOUT: Outcome = { kind: 'failure', reason: 'timeout', ms: 1 }
const parallel = { parallelRules: [rule(remoteGuardrail())] }
const REFUSAL = 'Request blocked by policy'

function exchange(mode: BodyMode, overrides: Partial<Policy> = parallel): EnvoyModel {
  return new EnvoyModel(policySet(policy(overrides)), { mode })
}

function ask(envoy: EnvoyModel, body: string = chatRequest('hello', { stream: true })): void {
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', body, 'end')
}

/** Either Weir has left the exchange to Envoy, or a response goes on at once. */
function expectNoHold(envoy: EnvoyModel): void {
  envoy.headers('response', JSON_ANSWER)
  expect(envoy.response.headersOut || envoy.ended?.status === 'ok').toBe(true)
}

describe.each(ENVOY_MODES)('a request judged while the upstream works on it (%s)', mode => {
  test('goes on at once, byte for byte', () => {
    const envoy = exchange(mode)
    ask(envoy)
    expect(envoy.request.bytes.toString()).toBe(chatRequest('hello', { stream: true }))
    expect(envoy.request.endOut).toBe(true)
    expect(envoy.scans).toHaveLength(1)
    expect(envoy.records).toEqual([])
  })

  test.each([
    ['at once', chatRequest('hello '.repeat(100))],
    ['elsewhere', chatRequest('hello '.repeat(800_000))],
  ])('is let go of when it was judged, wherever it is read: %s', (where, body) => {
    const envoy = exchange(mode, { ...parallel, outputRules: [rule(flagWord('secret'))] })
    envoy.holdsReads = true
    ask(envoy, body)
    expect(envoy.keptBytes).toBe(Buffer.byteLength(body))
    if (where === 'elsewhere') envoy.answerRead()
    expect(envoy.keptBytes).toBe(Buffer.byteLength(body))
    envoy.answerScan(CLEAN)
    expect(envoy.keptBytes).toBe(0)
  })

  test('that is flagged before the upstream answers gets the refusal of a request', () => {
    const envoy = exchange(mode)
    ask(envoy)
    envoy.answerScan(FLAGGED)
    expect(readChatStream(envoy.localReply!.body).text).toBe(REFUSAL)
    expect(envoy.records).toMatchObject([{ phase: 'request', effective: 'denied', because: 'flagged' }])
  })

  test.each([
    ['flagged', FLAGGED],
    ['failed', TIMEOUT],
  ])('that %s while its response waits gets the refusal, and nothing of the response', (_, outcome) => {
    const envoy = exchange(mode)
    ask(envoy)
    envoy.headers('response', STREAM_ANSWER)
    if (mode === 'full-duplex') envoy.body('response', chatEvents('upstream').join(''), 'end')
    expect(envoy.response.headersOut).toBe(false)
    envoy.answerScan(outcome)
    expect(envoy.response.headersOut).toBe(false)
    expect(readChatStream(envoy.localReply!.body).text).toBe(REFUSAL)
  })

  test('that is clean lets its response go, untouched', () => {
    const envoy = exchange(mode)
    ask(envoy)
    envoy.headers('response', JSON_ANSWER)
    if (mode === 'full-duplex') {
      envoy.body('response', chatCompletion('fine'), 'end')
      expect(envoy.response.bytes).toHaveLength(0)
    }
    envoy.answerScan(CLEAN)
    if (mode !== 'full-duplex') envoy.body('response', chatCompletion('fine'), 'end')
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('fine'))
    expect(envoy.records).toMatchObject([{ phase: 'request', effective: 'released', because: 'clean' }])
  })

  test('that is clean before the upstream answers leaves the exchange where no phase is owed an answer', () => {
    const envoy = exchange(mode)
    ask(envoy)
    expect(envoy.ended).toBeUndefined()
    envoy.answerScan(CLEAN)
    expect(envoy.ended?.status).toBe(mode === 'full-duplex' ? undefined : 'ok')
  })

  test('that is too large goes on where that is forgiven, and no copy of it is kept', () => {
    const forgiving = { parallelRules: [rule(remoteGuardrail(), 'block', 'fail-open')] }
    const limits = { ...policy().limits, maxRequestBytes: 30 }
    const envoy = exchange(mode, { ...forgiving, limits })
    const request = chatRequest('hello', { stream: true })
    ask(envoy, request)
    expect([envoy.request.bytes.toString(), envoy.keptBytes]).toEqual([request, 0])
    expect(envoy.records).toMatchObject([{ phase: 'request', because: 'failed-open' }])
  })

  test('that failed open lets its response go, and is recorded so', () => {
    const envoy = exchange(mode, { parallelRules: [rule(remoteGuardrail(), 'block', 'fail-open')] })
    ask(envoy)
    envoy.headers('response', JSON_ANSWER)
    envoy.answerScan(TIMEOUT)
    expect(envoy.response.headersOut).toBe(true)
    expect(envoy.records).toMatchObject([{ phase: 'request', because: 'failed-open' }])
  })

  test('whose response is guarded too has it judged after the verdict', () => {
    const envoy = exchange(mode, { ...parallel, outputRules: [rule(flagWord('secret'))] })
    ask(envoy)
    envoy.headers('response', STREAM_ANSWER)
    envoy.answerScan(CLEAN)
    envoy.body('response', chatEvents('a secret').join(''), 'end')
    const out = envoy.localReply?.body ?? envoy.response.bytes
    expect(readChatStream(out).text).toBe('Response blocked by policy')
  })

  test('that cannot be decoded is refused as such', () => {
    const envoy = exchange(mode)
    ask(envoy, '{"messages":')
    expect(envoy.localReply?.status).toBe(400)
  })

  test('that cannot be decoded and is forgiven goes on whole', () => {
    const envoy = exchange(mode, { parallelRules: [rule(remoteGuardrail(), 'block', 'fail-open')] })
    ask(envoy, '{"messages":')
    expect(envoy.request.bytes.toString()).toBe('{"messages":')
    expect(envoy.request.endOut).toBe(true)
    expectNoHold(envoy)
  })

  test('that is too large is refused', () => {
    const limits = { maxRequestBytes: 10, maxResponseBytes: 1000 }
    const envoy = exchange(mode, { ...parallel, limits })
    ask(envoy)
    expect(envoy.localReply?.status).toBe(413)
  })

  test('with rules before the call is judged by those first, and by both recorded', () => {
    const rules = { ...parallel, inputRules: [rule(flagWord('name'), 'redact')] }
    const envoy = exchange(mode, rules)
    ask(envoy, chatRequest('my name'))
    expect(envoy.request.bytes.toString()).toBe(chatRequest('my <WORD>'))
    expect(envoy.scans).toMatchObject([{ subject: { segments: [{ text: 'my <WORD>' }] } }])
    envoy.answerScan(CLEAN)
    expect(envoy.records).toMatchObject([
      { effective: 'redacted', rules: [{ guardrail: 'flags-name' }, { guardrail: 'remote' }] },
    ])
  })

  test('whose exchange ends before the verdict is recorded as gone on', () => {
    const envoy = exchange(mode)
    ask(envoy)
    envoy.step({ kind: 'closed' })
    expect(envoy.records).toMatchObject([{ effective: 'released', because: 'cancelled' }])
  })

  test('without text to judge lets its response go', () => {
    const envoy = exchange(mode)
    ask(envoy, '{"model":"m","messages":[]}')
    expectNoHold(envoy)
  })
})

describe('a response that waits', () => {
  test('is not read on past max_held_bytes, until the verdict is here', () => {
    const stream = { ...policy().stream, maxHeldBytes: 100 }
    const envoy = exchange('full-duplex', { ...parallel, stream })
    ask(envoy)
    envoy.headers('response', STREAM_ANSWER)
    for (const event of chatEvents('one', 'two')) envoy.body('response', event)
    expect(envoy.paused).toBe(true)
    envoy.answerScan(CLEAN)
    expect(envoy.paused).toBe(false)
    envoy.body('response', '', 'end')
    expect(envoy.response.bytes.toString()).toBe(chatEvents('one', 'two').join(''))
  })

  test('is refused when it waited too long', () => {
    const envoy = exchange('full-duplex')
    ask(envoy)
    envoy.headers('response', STREAM_ANSWER)
    envoy.step({ kind: 'deadline' })
    expect(readChatStream(envoy.localReply!.body).text).toBe(REFUSAL)
    expect(envoy.records).toMatchObject([{ because: 'failed-closed', rules: [{ reason: 'over-limit' }] }])
  })

  test('that comes before the request is whole waits when it is an answer, and passes when it is an error', () => {
    const answer = exchange('full-duplex')
    answer.headers('request', CHAT_HEADERS)
    answer.headers('response', JSON_ANSWER)
    expect(answer.response.headersOut).toBe(false)
    answer.body('request', chatRequest('hello'), 'end')
    answer.answerScan(CLEAN)
    expect(answer.response.headersOut).toBe(true)
    const error = exchange('full-duplex')
    error.headers('request', CHAT_HEADERS)
    error.headers('response', { ...JSON_ANSWER, ':status': '401' })
    expect(error.response.headersOut).toBe(true)
    expect(error.records).toMatchObject([{ effective: 'released', because: 'cancelled' }])
  })

  test('too long for a request that is still held back is told of in its one record', () => {
    const inputRules = [rule(remoteGuardrail('before'))]
    const parallelRules = [rule(remoteGuardrail(), 'block', 'fail-open')]
    const envoy = exchange('full-duplex', { inputRules, parallelRules })
    envoy.headers('request', CHAT_HEADERS)
    envoy.headers('response', JSON_ANSWER)
    envoy.step({ kind: 'deadline' })
    expect(envoy.response.headersOut).toBe(true)
    envoy.body('request', chatRequest('hello'), 'end')
    expect(envoy.records).toEqual([])
    envoy.answerScan(CLEAN)
    expect(envoy.request.bytes.toString()).toBe(chatRequest('hello'))
    const rules = [
      { guardrail: 'before', outcome: 'clean' },
      { guardrail: 'remote', outcome: 'failure', reason: 'over-limit' },
    ]
    expect(envoy.records).toMatchObject([{ effective: 'released', because: 'failed-open', rules }])
  })

  test.each([
    ['is clean', CLEAN, { effective: 'released', because: 'clean', rules: [{ outcome: 'clean' }] }],
    ['is flagged', FLAGGED, { effective: 'denied', because: 'flagged' }],
    ['has no verdict', undefined, { effective: 'discarded', because: 'cancelled', rules: [] }],
  ])('as an error while its request is held back has it recorded once, when it %s', (_, outcome, record) => {
    for (const comes of ['before the body', 'before the verdict'] as const) {
      const envoy = exchange('full-duplex', { ...parallel, inputRules: [rule(remoteGuardrail('before'))] })
      envoy.headers('request', CHAT_HEADERS)
      const answer = (): void => envoy.headers('response', { ...JSON_ANSWER, ':status': '401' }, 'end')
      if (comes === 'before the body') answer()
      envoy.body('request', chatRequest('hello'), 'end')
      if (comes === 'before the verdict') answer()
      expect(envoy.response.headersOut).toBe(true)
      expect(envoy.records).toEqual([])
      if (outcome) envoy.answerScan(outcome)
      envoy.step({ kind: 'closed' })
      expect(envoy.scans.map(({ rules }) => rules[0]?.guardrail.name)).toEqual(outcome ? [] : ['before'])
      expect(envoy.records).toMatchObject([record])
    }
  })

  test('leaves the call to Envoy once nothing is left to inspect', () => {
    const envoy = exchange('buffered')
    ask(envoy)
    expect(envoy.ended).toBeUndefined()
    envoy.answerScan(CLEAN)
    expect(envoy.ended).toMatchObject({ status: 'ok' })
  })
})

test.each(ENVOY_MODES)(
  'a request that cannot be decoded and is forgiven before the call goes on whole (%s)',
  mode => {
    const envoy = exchange(mode, { inputRules: [rule(flagWord('x'), 'block', 'fail-open')] })
    ask(envoy, '{"messages":')
    expect(envoy.request.bytes.toString()).toBe('{"messages":')
    expect(envoy.request.endOut).toBe(true)
  },
)

describe('a rule that looks at a part of the conversation', () => {
  const turns = (...contents: [string, string][]): string =>
    JSON.stringify({ model: 'm', messages: contents.map(([role, content]) => ({ role, content })) })
  const latest = { scan: 'latest_turn' as const, roles: undefined }

  test('does not block for ever what it flagged once', () => {
    const envoy = exchange('full-duplex', { inputRules: [{ ...rule(flagWord('attack')), view: latest }] })
    ask(envoy, turns(['user', 'attack'], ['assistant', 'no'], ['user', 'hello']))
    expect(envoy.localReply).toBeUndefined()
    const again = exchange('full-duplex', { inputRules: [{ ...rule(flagWord('attack')), view: latest }] })
    ask(again, turns(['user', 'hello'], ['assistant', 'yes'], ['user', 'attack']))
    expect(again.localReply).toBeDefined()
  })

  test('redacts in its place, and leaves the rest to the others', () => {
    const rules = [
      { ...rule(flagWord('name'), 'redact'), view: latest },
      rule(remoteGuardrail()),
      {
        ...rule(remoteGuardrail('tools')),
        view: { scan: 'conversation' as const, roles: new Set(['tool' as const]) },
      },
    ]
    const envoy = exchange('full-duplex', { inputRules: rules })
    const body = (last: string): string =>
      turns(['user', 'a name'], ['assistant', 'ok'], ['tool', 'found'], ['user', last])
    ask(envoy, body('the name'))
    expect(envoy.scans.map(scan => scan.subject.segments.map(({ text }) => text))).toEqual([
      ['a name', 'ok', 'found', 'the <WORD>'],
      ['found'],
    ])
    envoy.answerScan(CLEAN)
    expect(envoy.request.bytes).toHaveLength(0)
    envoy.answerScan(CLEAN)
    expect(envoy.request.bytes.toString()).toBe(body('the <WORD>'))
  })

  test('is asked in one stage with the others, and what a denial cuts short is recorded as cancelled', () => {
    const tools = { scan: 'conversation' as const, roles: new Set(['tool' as const]) }
    const rules = [
      rule(flagWord('nothing')),
      rule(remoteGuardrail('whole')),
      rule(remoteGuardrail('whole-too')),
      { ...rule(remoteGuardrail('latest')), view: latest },
      { ...rule(remoteGuardrail('tools'), 'block', 'fail-open'), view: tools },
      { ...rule(remoteGuardrail('watcher'), 'alert', 'fail-open'), view: latest },
    ]
    const envoy = exchange('full-duplex', { inputRules: rules })
    ask(envoy, turns(['user', 'hello'], ['assistant', 'yes'], ['tool', 'found'], ['user', 'more']))
    const stages = new Map(
      envoy.scans.map(({ stage, rules: asked }) => [asked.map(one => one.guardrail.name).join(), stage]),
    )
    expect([...stages.keys()]).toEqual(['watcher', 'whole,whole-too', 'latest', 'tools'])
    expect(stages.get('latest')).toBe(stages.get('whole,whole-too'))
    expect(stages.get('tools')).toBe(stages.get('latest'))
    expect(stages.get('watcher')).not.toBe(stages.get('latest'))
    const [watcher, whole, ...others] = envoy.scans.splice(0)
    envoy.scans.push(whole!, ...others, watcher!)
    envoy.answerScan(CANCELLED)
    envoy.answerScan(FLAGGED)
    expect(envoy.localReply).toBeUndefined()
    envoy.answerScan(CANCELLED)
    expect(envoy.localReply?.headers['x-weir-reason']).toBe('flagged')
    expect(envoy.records).toMatchObject([
      {
        effective: 'denied',
        because: 'flagged',
        rules: [
          { guardrail: 'flags-nothing', outcome: 'clean' },
          { guardrail: 'whole', outcome: 'failure', reason: 'cancelled' },
          { guardrail: 'whole-too', outcome: 'failure', reason: 'cancelled' },
          { guardrail: 'latest', outcome: 'flagged' },
          { guardrail: 'tools', outcome: 'failure', reason: 'cancelled' },
        ],
      },
    ])
  })

  test('has nothing to say where it sees nothing', () => {
    const view = { scan: 'conversation' as const, roles: new Set(['tool' as const]) }
    const envoy = exchange('full-duplex', { inputRules: [{ ...rule(remoteGuardrail()), view }] })
    ask(envoy)
    expect(envoy.scans).toEqual([])
    expect(envoy.request.endOut).toBe(true)
    expect(envoy.records).toMatchObject([{ effective: 'released', because: 'clean', rules: [] }])
  })
})
