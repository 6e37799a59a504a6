import { describe, expect, test } from 'vitest'
import type { Policy } from '../../src/policy/policy.ts'
import { CHAT_HEADERS, chatRequest, JSON_ANSWER, STREAM_ANSWER } from '../support/chat.ts'
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

/** Says `secret`, as a model or a client may write it. */
const ESCAPED = '{"q":"a s\\u0065cr\\u0065t"}'
const REDACTED = '{"q":"a <WORD>"}'

const call = (args: string, id: object = {}) => ({
  index: 0,
  ...id,
  function: { name: 'f', arguments: args },
})
const event = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const message = (args: string) => ({
  role: 'assistant',
  tool_calls: [{ id: 'c', type: 'function', ...call(args) }],
})
const request = (args: string): string => JSON.stringify({ model: 'm', messages: [message(args)] })
const answer = (args: string): string =>
  JSON.stringify({
    object: 'chat.completion',
    choices: [{ index: 0, message: message(args), finish_reason: 'tool_calls' }],
  })

function exchange(overrides: Partial<Policy>): EnvoyModel {
  return new EnvoyModel(policySet(policy(overrides)), { mode: 'full-duplex' })
}
function ask(envoy: EnvoyModel, body: string): void {
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', body, 'end')
}
function streamed(overrides: Partial<Policy>, fragments: readonly string[]): EnvoyModel {
  const envoy = exchange(overrides)
  ask(envoy, chatRequest('hello', { stream: true }))
  envoy.headers('response', STREAM_ANSWER)
  for (const fragment of fragments) envoy.body('response', event({ tool_calls: [call(fragment)] }))
  envoy.body('response', event({}, 'tool_calls'))
  envoy.body('response', 'data: [DONE]\n\n', 'end')
  return envoy
}
const argumentsIn = (bytes: Uint8Array): string =>
  [
    ...Buffer.from(bytes)
      .toString()
      .matchAll(/^data: (\{.*)$/gm),
  ]
    .map(([, json]) => JSON.parse(json!).choices[0].delta.tool_calls?.[0].function.arguments ?? '')
    .join('')

describe('escapes inside of tool arguments hide nothing', () => {
  test('in a request', () => {
    const blocked = exchange({ inputRules: [rule(flagWord('secret'))] })
    ask(blocked, request(ESCAPED))
    expect(blocked.localReply).toBeDefined()
    const redacted = exchange({ inputRules: [rule(flagWord('secret'), 'redact')] })
    ask(redacted, request(ESCAPED))
    expect(redacted.request.bytes.toString()).toBe(request(REDACTED))
  })

  test('from a guard service, which is asked after local redaction', () => {
    const envoy = exchange({ inputRules: [rule(flagWord('secret'), 'redact'), rule(remoteGuardrail())] })
    ask(envoy, request('{"q":"s\\u0065cret \\u0061nd"}'))
    expect(envoy.scans[0]?.subject.segments).toMatchObject([{ text: '{"q":"<WORD> and"}' }])
  })

  test('in a JSON answer', () => {
    const envoy = exchange({ outputRules: [rule(flagWord('secret'), 'redact')] })
    ask(envoy, chatRequest('hello'))
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', answer(ESCAPED), 'end')
    expect(envoy.response.bytes.toString()).toBe(answer(REDACTED))
  })

  const fragments = ['{"q":"a s\\u00', '65cr\\', 'u0065t"}']
  test.each(['window', 'withhold'] as const)('in a stream that cuts them anywhere, delivery %s', delivery => {
    const stream = { ...policy().stream, delivery }
    const blocked = streamed({ outputRules: [rule(flagWordAsItGrows('secret'))], stream }, fragments)
    expect(blocked.records.at(-1)).toMatchObject({ effective: 'denied', because: 'flagged' })
    expect(argumentsIn(blocked.localReply?.body ?? blocked.response.bytes)).toBe('')
    const redacting = { outputRules: [rule(flagWordAsItGrows('secret'), 'redact')], stream }
    expect(argumentsIn(streamed(redacting, fragments).response.bytes)).toBe(REDACTED)
  })

  test('from a scan by windows, whose redactions find the source', () => {
    const envoy = streamed({ outputRules: [rule(remoteGuardrail(), 'redact')] }, fragments)
    expect(envoy.scans[0]?.subject.segments).toMatchObject([{ text: '{"q":"a secret"}' }])
    const span = { segment: 0, start: 8, end: 14 }
    envoy.answerScan({
      kind: 'verdict',
      verdict: { kind: 'flagged', findings: [{ detector: 'test/word', span }] },
      ms: 1,
    })
    expect(argumentsIn(envoy.response.bytes)).toBe(REDACTED)
  })

  test('and clean ones pass as they came', () => {
    const envoy = streamed(
      { outputRules: [rule(flagWordAsItGrows('x')), rule(remoteGuardrail())] },
      fragments,
    )
    envoy.answerScan(CLEAN)
    expect(argumentsIn(envoy.response.bytes)).toBe(fragments.join(''))
  })
})

test('large arguments of a stream are read in turns, and go when all of them was read', () => {
  const filling = 'x'.repeat(100_000)
  for (const [args, seen] of [
    [`{"a":"${filling}","q":"fine"}`, 'fine'],
    [`{"a":"${filling}","q":"a s\\u0065cr\\u0065t"}`, '<WORD>'],
  ] as const) {
    const outputRules = [rule(flagWordAsItGrows('secret'), 'redact')]
    const envoy = new EnvoyModel(policySet(policy({ outputRules })), {
      mode: 'full-duplex',
      localScans: 'late',
    })
    ask(envoy, chatRequest('hello', { stream: true }))
    envoy.headers('response', STREAM_ANSWER)
    envoy.body('response', event({ tool_calls: [call(args)] }))
    envoy.body('response', event({}, 'tool_calls'))
    envoy.body('response', 'data: [DONE]\n\n', 'end')
    let turns = 0
    for (; envoy.turnsOwed > 0; turns++) {
      expect(argumentsIn(envoy.response.bytes)).toBe('')
      envoy.goOn()
    }
    expect(turns).toBeGreaterThan(3)
    expect(JSON.parse(argumentsIn(envoy.response.bytes)).q).toBe(seen === 'fine' ? 'fine' : 'a <WORD>')
    expect(envoy.response.endOut).toBe(true)
  }
})
