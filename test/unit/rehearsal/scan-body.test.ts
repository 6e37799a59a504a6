import { expect, test } from 'vitest'
import type { RemoteGuardrail, Verdict } from '../../../src/guardrail/guardrail.ts'
import { placeOf } from '../../../src/llm/detect.ts'
import type { Rule } from '../../../src/policy/policy.ts'
import { scanBody } from '../../../src/rehearsal/scan-body.ts'
import { CHAT_HEADERS, chatRequest } from '../../support/chat.ts'
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
