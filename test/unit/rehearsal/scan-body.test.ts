import { describe, expect, test } from 'vitest'
import { MAX_TEXTS } from '../../../src/exchange/body-reading.ts'
import type { RemoteGuardrail, Verdict } from '../../../src/guardrail/guardrail.ts'
import { placeOf } from '../../../src/llm/detect.ts'
import type { Rule } from '../../../src/policy/policy.ts'
import { scanBody } from '../../../src/rehearsal/scan-body.ts'
import { CHAT_HEADERS, chatCompletion, chatRequest } from '../../support/chat.ts'
import { policy, rule } from '../../support/policies.ts'

const flags: RemoteGuardrail = {
  name: 'flags',
  locality: 'remote',
  timeoutMs: 120_000,
  scan: () => Promise.resolve<Verdict>({ kind: 'flagged', findings: [{ detector: 'prompt_attack' }] }),
}
const hangs: RemoteGuardrail = { ...flags, name: 'hangs', scan: () => new Promise(() => {}) }
const view: Rule['view'] = { scan: 'latest_turn', roles: undefined }

test.each([
  ['the same', [rule(hangs), rule(flags)]],
  ['parts of their own', [{ ...rule(hangs), view }, rule(flags)]],
])('a denial waits for no other guard service, where they see %s', async (_, inputRules) => {
  const report = await scanBody({
    side: 'input',
    policy: policy({ inputRules }),
    body: Buffer.from(chatRequest('hello')),
    place: placeOf(CHAT_HEADERS[':path']),
    contentType: undefined,
  })
  expect(report).toMatchObject({ decision: 'deny', because: 'flagged' })
  expect(Object.fromEntries(report.rules.map(one => [one.guardrail, one.reason ?? one.outcome]))).toEqual({
    flags: 'flagged',
    hangs: 'cancelled',
  })
})

test('a request that cannot be read fails the rules of its answer that judge that by it', async () => {
  const outputRules = [{ ...rule(flags), outputContext: 'conversation' as const }]
  const task = { side: 'input', policy: policy({ outputRules }), contentType: undefined } as const
  const place = placeOf(CHAT_HEADERS[':path'])
  const unread = await scanBody({ ...task, place, body: Buffer.from('{') })
  expect(unread).toMatchObject({ decision: 'deny', because: 'failed-closed', bodyFault: 'undecodable' })
  const read = await scanBody({ ...task, place, body: Buffer.from(chatRequest('hello')) })
  expect(read).toMatchObject({ decision: 'release', because: 'clean' })
})

describe('a request that serving judges before any rule', () => {
  const judged = (path: string, body: string) =>
    scanBody({
      side: 'input',
      policy: policy({ inputRules: [rule(flags)], failMode: 'error' }),
      body: Buffer.from(body),
      place: placeOf(path),
      contentType: 'application/json',
    })

  test.each([
    ['an opening of a session', JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })],
    ['no body at all', ''],
  ])('passes where an API has none to say: %s', async (_, body) =>
    expect(await judged('/mcp', body)).toMatchObject({ decision: 'release', because: 'clean', rules: [] }),
  )

  test('is for fail_mode where it should have had a text', async () =>
    expect(await judged(CHAT_HEADERS[':path'], '')).toMatchObject({
      decision: 'deny',
      because: 'unsupported',
    }))

  test('is over the limit with too many texts', async () => {
    const messages = Array.from({ length: MAX_TEXTS + 1 }, () => ({ role: 'user', content: 'a' }))
    const report = await judged(CHAT_HEADERS[':path'], chatRequest('', { messages }))
    expect(report).toMatchObject({ decision: 'deny', because: 'failed-closed', bodyFault: 'over-limit' })
  })
})

test.each(['input', 'output'] as const)(
  'a charset that is not read is a fault of every rule: %s',
  async side => {
    const report = await scanBody({
      side,
      policy: policy({ inputRules: [rule(flags)], outputRules: [rule(flags)] }),
      body: Buffer.from(side === 'input' ? chatRequest('hello') : chatCompletion('hello')),
      place: placeOf(CHAT_HEADERS[':path']),
      contentType: 'application/json; charset=utf-16',
    })
    expect(report).toMatchObject({ decision: 'deny', because: 'failed-closed', bodyFault: 'undecodable' })
  },
)
