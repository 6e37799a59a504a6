import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BodyMode } from '../../src/exchange/events.ts'
import type { Policy, Rule } from '../../src/policy/policy.ts'
import type { RedactStyle } from '../../src/policy/redaction.ts'
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

const RESTORED: RedactStyle = { kind: 'replace', restore: true }
const redacting = (word: string, redact: RedactStyle = RESTORED): Rule => ({
  ...rule(flagWordAsItGrows(word), 'redact'),
  redact,
})

/** An exchange whose request says "my name" and has had the name redacted. */
function asked(mode: BodyMode, overrides: Partial<Policy> = {}, extra: Record<string, unknown> = {}) {
  const policies = policySet(policy({ inputRules: [redacting('name')], ...overrides }))
  const envoy = new EnvoyModel(policies, { mode })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('my name', extra), 'end')
  return envoy
}
function streamed(mode: BodyMode, events: readonly string[], overrides: Partial<Policy> = {}): EnvoyModel {
  const envoy = asked(mode, overrides, { stream: true })
  envoy.headers('response', STREAM_ANSWER)
  if (mode === 'buffered') envoy.body('response', events.join(''), 'end')
  else
    for (const [index, event] of events.entries())
      envoy.body('response', event, index === events.length - 1 ? 'end' : 'more')
  return envoy
}
const seen = (envoy: EnvoyModel): string => readChatStream(envoy.response.bytes).text

describe.each(ENVOY_MODES)('what was redacted from the request (%s)', mode => {
  test('reaches the upstream as a numbered placeholder, and the client as it was', () => {
    const envoy = asked(mode)
    expect(envoy.request.bytes.toString()).toBe(chatRequest('my <WORD_1>'))
    expect(envoy.ended).toBeUndefined()
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', chatCompletion('hello <WORD_1>'), 'end')
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('hello name'))
    expect(envoy.response.mutation?.remove).toContain('content-length')
    expect(envoy.records.at(-1)).toMatchObject({ phase: 'response', effective: 'released', because: 'clean' })
  })

  test('is put back into a stream, across its events, and every other event stays as it came', () => {
    const events = chatEvents('hello <WO', 'RD', '_1>, and <b>', ' bye')
    const envoy = streamed(mode, events)
    expect(seen(envoy)).toBe('hello name, and <b> bye')
    expect(envoy.response.bytes.toString()).toContain(events[4])
    expect(envoy.response.endOut).toBe(true)
  })

  test('is put back after the output was judged, which sees placeholders only', () => {
    const envoy = streamed(mode, chatEvents('hello <WORD_1>'), {
      outputRules: [rule(flagWord('name')), rule(remoteGuardrail())],
    })
    expect(envoy.scans[0]?.subject.segments).toMatchObject([{ text: 'hello <WORD_1>' }])
    envoy.answerScan(CLEAN)
    expect(seen(envoy)).toBe('hello name')
  })

  test('does not come back where the answer itself is redacted', () => {
    const envoy = streamed(mode, chatEvents('hello <WORD_1>'), {
      outputRules: [redacting('WORD'), rule(remoteGuardrail(), 'alert', 'fail-open')],
    })
    envoy.answerScan(CLEAN)
    expect(seen(envoy)).toBe('hello <<WORD>_1>')
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'redacted' })
  })

  test('does not come back where a JSON answer is redacted', () => {
    const envoy = asked(mode, { outputRules: [redacting('WORD')] })
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', chatCompletion('hello <WORD_1>'), 'end')
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('hello <<WORD>_1>'))
    expect(envoy.records.at(-1)).toMatchObject({ effective: 'redacted' })
  })
})

test('nothing redacted is nothing to restore: the answer goes live', () => {
  const envoy = new EnvoyModel(policySet(policy({ inputRules: [redacting('name')] })), {
    mode: 'full-duplex',
  })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello'), 'end')
  envoy.headers('response', JSON_ANSWER)
  envoy.body('response', chatCompletion('<WORD_1>'))
  expect(envoy.response.bytes.toString()).toBe(chatCompletion('<WORD_1>'))
})

test.each(['streamed', 'buffered'] as const)(
  'what is not to come back leaves the answer to Envoy, with its request redacted (%s)',
  mode => {
    const envoy = asked(mode, { inputRules: [redacting('name', { kind: 'replace', restore: false })] })
    expect(envoy.request.bytes.toString()).toBe(chatRequest('my <WORD>'))
    expect(envoy.ended).toMatchObject({ status: 'ok' })
  },
)

test('with delivery withhold and nothing to deny the text goes on as it comes', () => {
  const envoy = asked('full-duplex', {}, { stream: true })
  envoy.headers('response', STREAM_ANSWER)
  const [role, first, open] = chatEvents('hello', ' <WORD')
  for (const event of [role!, first!, open!]) envoy.body('response', event)
  expect(envoy.response.bytes.toString()).toBe(`${role}${first}`)
})

test('a name that the client wrote as a placeholder stays what it is', () => {
  const envoy = new EnvoyModel(policySet(policy({ inputRules: [redacting('name')] })), {
    mode: 'full-duplex',
  })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('name <WORD_1>'), 'end')
  expect(envoy.request.bytes.toString()).toBe(chatRequest('<WORD_2> <WORD_1>'))
})

describe('in tool arguments', () => {
  const said = 'a "name"'
  const call = (args: string): string => {
    const delta = {
      tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: args } }],
    }
    return `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
  }
  const argumentsOf = (bytes: Uint8Array): string =>
    Buffer.from(bytes)
      .toString()
      .split('\n\n')
      .filter(block => block.startsWith('data: {'))
      .map(block => JSON.parse(block.slice(6)).choices[0].delta.tool_calls?.[0].function.arguments ?? '')
      .join('')

  test.each([
    ['{"to":"<WORD', '_1>"}'],
    ['{"to":"\\u003cWORD_1', '\\u003e"}'],
  ])('it is escaped as JSON wants it: %s%s', (...parts) => {
    const policies = policySet(policy({ inputRules: [redacting(said)] }))
    const envoy = new EnvoyModel(policies, { mode: 'full-duplex' })
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', chatRequest(`call ${said}`, { stream: true }), 'end')
    envoy.headers('response', STREAM_ANSWER)
    const events = [...parts.map(call), ...chatEvents().slice(1)]
    envoy.body('response', events.join(''), 'end')
    expect(JSON.parse(argumentsOf(envoy.response.bytes))).toEqual({ to: said })
  })

  test('of the request it is told from its escapes', () => {
    const envoy = new EnvoyModel(policySet(policy({ inputRules: [redacting('"name"')] })), {
      mode: 'full-duplex',
    })
    envoy.headers('request', CHAT_HEADERS)
    const calls = [
      { id: 'c', type: 'function', function: { name: 'f', arguments: JSON.stringify({ q: '"name"' }) } },
    ]
    const body = { model: 'm', messages: [{ role: 'assistant', tool_calls: calls }] }
    envoy.body('request', JSON.stringify(body), 'end')
    envoy.headers('response', JSON_ANSWER)
    envoy.body('response', chatCompletion('<WORD_1>'), 'end')
    expect(envoy.response.bytes.toString()).toBe(chatCompletion('"name"'))
  })
})

test('masked and hashed', () => {
  const digest = (text: string): string => `x${text.length}`
  for (const [style, text] of [
    [{ kind: 'mask' }, 'my ****'],
    [{ kind: 'hash', restore: false, digest }, 'my <WORD_x4>'],
  ] as const) {
    const envoy = asked('full-duplex', { inputRules: [redacting('name', style)] })
    expect(envoy.request.bytes.toString()).toBe(chatRequest(text))
  }
})

test('the answer is the same however its tokens and bytes fall', () => {
  const words = fc.array(fc.constantFrom('<WORD_1>', '<WORD_2>', 'name', '<', '_1>', ' x ', 'é'), {
    minLength: 1,
    maxLength: 8,
  })
  fc.assert(
    fc.property(
      words,
      fc.array(fc.nat(40)),
      fc.array(fc.nat(4000)),
      fc.constantFrom(...ENVOY_MODES.slice(0, 2)),
      (parts, tokenCuts, byteCuts, mode) => {
        const text = parts.join('')
        const places = [...new Set([0, ...tokenCuts.map(cut => cut % text.length), text.length])].sort(
          (a, b) => a - b,
        )
        const tokens = places.slice(1).map((to, index) => text.slice(places[index], to))
        const bytes = Buffer.from(chatEvents(...tokens).join(''))
        const cuts = [...new Set([0, ...byteCuts.map(cut => cut % bytes.length), bytes.length])].sort(
          (a, b) => a - b,
        )
        const chunks = cuts.slice(1).map((to, index) => bytes.subarray(cuts[index], to))
        const envoy = asked(mode, {}, { stream: true })
        envoy.headers('response', STREAM_ANSWER)
        for (const [index, chunk] of chunks.entries()) {
          envoy.body('response', chunk, index === chunks.length - 1 ? 'end' : 'more')
        }
        expect(seen(envoy)).toBe(text.replaceAll('<WORD_1>', 'name'))
      },
    ),
  )
})
