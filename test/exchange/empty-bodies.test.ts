import { expect, test } from 'vitest'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'

const GUARDED = policySet(
  policy({ inputRules: [rule(flagWord('attack'))], outputRules: [rule(flagWord('secret'))] }),
)
const LISTEN = {
  ':method': 'GET',
  ':path': '/mcp',
  ':authority': 'tools.example.com',
  accept: 'text/event-stream',
}
const said = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'a secret' } }

// HTTP knows two ways to send nothing, and a client chooses.
test.each([
  ['full-duplex', 'no body'],
  ['full-duplex', 'an empty one'],
  ['streamed', 'no body'],
  ['streamed', 'an empty one'],
  ['buffered', 'no body'],
  ['buffered', 'an empty one'],
] as const)('in %s what an MCP server says to a request with %s is looked at', (mode, body) => {
  const envoy = new EnvoyModel(GUARDED, { mode })
  envoy.headers('request', LISTEN, body === 'no body' ? 'end' : 'more')
  if (body !== 'no body') envoy.body('request', '', 'end')
  envoy.headers('response', { ':status': '200', 'content-type': 'text/event-stream' })
  envoy.body('response', `data: ${JSON.stringify(said)}\n\n`, mode === 'buffered' ? 'end' : 'more')
  if (mode !== 'buffered') envoy.body('response', '', 'end')
  expect(envoy.response.bytes.toString()).not.toContain('secret')
  expect(envoy.records.at(-1)).toMatchObject({ phase: 'response', effective: 'denied', because: 'flagged' })
  expect(envoy.counts).not.toContain('unsupported')
})
