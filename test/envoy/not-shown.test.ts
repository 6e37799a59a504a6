import { afterEach, describe, expect, test } from 'vitest'
import { ENVOY_MODES, type EnvoyMode, extProcOf } from '../support/bootstrap.ts'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'

const RULES = { inputRules: [rule(flagWord('attack'))], outputRules: [rule(flagWord('secret'))] }
const GUARDED = policySet(policy(RULES))
const BY_HOST = policySet(policy({ ...RULES, match: { hosts: ['127.0.0.1'] } }))

let stack: Stack | undefined
afterEach(async () => {
  await stack?.stop()
  stack = undefined
})

const skipped = (side: 'request' | 'response') => ({ processing_mode: { [`${side}_header_mode`]: 'SKIP' } })
const withheld = (name: string) => ({
  forward_rules: { disallowed_headers: { patterns: [{ exact: name }] } },
})

/** Asks something clean of an LLM that answers what is flagged, through an Envoy that keeps something from Weir. */
async function asked(mode: EnvoyMode, change: Record<string, Record<string, unknown>>, policies = GUARDED) {
  stack = await startStack(mode, {
    overrides: bootstrap => {
      const filter = extProcOf(bootstrap)
      for (const [key, value] of Object.entries(change)) {
        filter[key] = { ...Object(key === 'processing_mode' ? filter[key] : {}), ...value }
      }
    },
  })
  stack.use(policies)
  const headers = { 'content-type': 'application/json' }
  stack.upstream.respond({ headers, chunks: [chatCompletion('a secret')] })
  // Where headers were out already, Envoy cuts the connection.
  const body = await stack.chat(chatRequest('hello')).then(
    response => response.text().catch(() => 'cut'),
    () => 'cut',
  )
  return { body, refusals: stack.weir.telemetry.refusals, reached: stack.upstream.requests.length }
}

describe.each(ENVOY_MODES)('Envoy in %s', mode => {
  test('a response whose headers are skipped is sent all the same, and refused', async () => {
    const { body, refusals } = await asked(mode, skipped('response'))
    expect(body).not.toContain('secret')
    expect(refusals).toEqual([expect.stringContaining('the response came without its headers')])
  })

  test('a request whose headers are skipped is sent all the same, and refused', async () => {
    const { body, refusals } = await asked(mode, skipped('request'))
    expect(body).not.toContain('secret')
    expect(refusals).toEqual([expect.stringContaining('the request came without its headers')])
  })

  test('forward_rules keep a status back, and the answer is refused', async () => {
    const { body, refusals } = await asked(mode, withheld(':status'))
    expect(body).not.toContain('secret')
    expect(refusals).toEqual([expect.stringContaining('without :status')])
  })

  test('forward_rules keep a path back, and the request is refused', async () => {
    const { body, refusals, reached } = await asked(mode, withheld(':path'))
    expect(body).not.toContain('secret')
    expect(refusals).toEqual([expect.stringContaining('without :path')])
    expect(reached).toBe(0)
  })

  test('forward_rules keep a host back, and the request is refused where a policy asks for it', async () => {
    const { body, refusals, reached } = await asked(mode, withheld(':authority'), BY_HOST)
    expect(body).not.toContain('secret')
    expect(refusals).toEqual([expect.stringContaining('without :authority')])
    expect(reached).toBe(0)
  })
})
