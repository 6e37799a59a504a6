import { expect, test } from 'vitest'
import { decisionsIn } from '../../src/extproc/decision-metadata.ts'
import { CHAT_HEADERS, chatRequest } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'

/** A guard service may name as many detectors as its answer has room for, as long as it likes. */
const findings = Array.from({ length: 1000 }, (_, index) => ({ detector: `${index}-${'d'.repeat(500)}` }))

function denied(): EnvoyModel {
  const inputRules = [rule(remoteGuardrail())]
  const policies = policySet(policy({ inputRules, revealFailureCategories: true }))
  const envoy = new EnvoyModel(policies, { mode: 'full-duplex' })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', chatRequest('hello'), 'end')
  envoy.answerScan({ kind: 'verdict', verdict: { kind: 'flagged', findings }, ms: 1 })
  return envoy
}

test('a refusal names no more of them than fit into headers', () => {
  const { headers, body } = denied().localReply!
  const shown = headers['x-weir-detectors'] ?? ''
  const names = shown.split(', ')
  expect(names).toHaveLength(32)
  expect(names.map(name => name.length)).toEqual(names.map(() => 128))
  expect(body.byteLength).toBeLessThan(6000)
})

test("Envoy's access log gets no more of them than the log has", () => {
  const envoy = denied()
  const record = envoy.records[0]!
  const reply = { kind: 'reply', reply: { kind: 'local', ...envoy.localReply! } } as const
  const { metadata } = decisionsIn([{ kind: 'record', record }, reply])!
  expect(metadata.byteLength).toBeLessThan(6000)
  expect(metadata.toString('latin1')).toContain('31-ddd')
  expect(metadata.toString('latin1')).not.toContain('32-ddd')
})
