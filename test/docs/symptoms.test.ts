import { afterEach, describe, expect, test } from 'vitest'
import type { RemoteGuardrail } from '../../src/guardrail/guardrail.ts'
import {
  type Bootstrap,
  clusterOf,
  connectionManagerOf,
  type EnvoyMode,
  extProcOf,
} from '../support/bootstrap.ts'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { flagWord, policy, policySet, remoteGuardrail, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { gate } from '../support/upstream.ts'

/** Symptoms of docs/en/troubleshooting.md that come from a setting of Envoy's, and that no other test shows. */

let stack: Stack | undefined
afterEach(async () => {
  await stack?.stop()
  stack = undefined
})

async function behind(mode: EnvoyMode, overrides: (bootstrap: Bootstrap) => void): Promise<Stack> {
  stack = await startStack(mode, { overrides })
  stack.use(policySet(policy({ inputRules: [rule(flagWord('heron'))] })))
  return stack
}

const detailsOf = async ({ envoy }: Stack): Promise<string> =>
  JSON.parse(await envoy.logged(/^\{.*"details".*\}$/m)).details

/** A guard service that answers when the test says so, and not before. */
function slowGuard(answers: Promise<void>): RemoteGuardrail {
  return { ...remoteGuardrail(), timeoutMs: 20_000, scan: () => answers.then(() => ({ kind: 'clean' })) }
}

describe('message_timeout left out', () => {
  test.each(['streamed', 'buffered'] as const)('%s: a guard that thinks for longer is a 504', async mode => {
    const answer = gate()
    const { use, chat } = await behind(mode, bootstrap => {
      delete extProcOf(bootstrap).message_timeout
    })
    use(policySet(policy({ inputRules: [rule(slowGuard(answer.opened))] })))
    const response = await chat(chatRequest('hello'))
    expect(response.status).toBe(504)
    expect(await response.json()).toMatchObject({ error: { code: 'guardrail_unavailable' } })
    expect(await detailsOf(stack!)).toBe('ext_proc_error_per-message_timeout_exceeded')
    answer.open()
  })
})

describe('a connection buffer of 32 KiB', () => {
  const small = (bootstrap: Bootstrap): void => {
    bootstrap.static_resources.listeners[0].per_connection_buffer_limit_bytes = 32_768
  }

  test.each(['streamed', 'buffered'] as const)('%s: a longer prompt is a 413 of Envoy', async mode => {
    const { chat, upstream } = await behind(mode, small)
    const response = await chat(chatRequest('hello '.repeat(10_000)))
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ error: { code: 'request_too_large' } })
    expect(await detailsOf(stack!)).toBe('request_payload_too_large')
    expect(upstream.requests).toHaveLength(0)
  })

  test('full-duplex: has no say in how long a prompt may be', async () => {
    const { chat, upstream } = await behind('full-duplex', small)
    upstream.respond({ chunks: [chatCompletion('hello')] })
    expect((await chat(chatRequest('hello '.repeat(100_000)))).status).toBe(200)
  })
})

test('a route timeout cuts an answer that takes longer', async () => {
  const { chat, upstream } = await behind('full-duplex', bootstrap => {
    const [route] = connectionManagerOf(bootstrap).route_config.virtual_hosts[0].routes
    Object.assign(route!, { route: { cluster: 'llm', timeout: '0.3s' } })
  })
  const never = gate()
  upstream.respond({ chunks: [never] })
  const response = await chat(chatRequest('hello'))
  await expect(response.text()).rejects.toThrow()
  expect(await detailsOf(stack!)).toBe('response_timeout')
  never.open()
})

test('a cluster without HTTP/2 gets no answer of Weir', async () => {
  const { chat, upstream } = await behind('full-duplex', bootstrap => {
    delete clusterOf(bootstrap, 'weir').typed_extension_protocol_options
  })
  const response = await chat(chatRequest('hello'))
  expect(response.status).toBe(503)
  expect(await detailsOf(stack!)).toMatch(/^ext_proc_error_gRPC_error_\d+/)
  expect(upstream.requests).toHaveLength(0)
})

test('failure_mode_allow: true lets a request pass that nobody has seen', async () => {
  const { chat, weir, upstream } = await behind('buffered', bootstrap => {
    extProcOf(bootstrap).failure_mode_allow = true
  })
  upstream.respond({ chunks: [chatCompletion('hello')] })
  await weir.stop()
  expect((await chat(chatRequest('a blue heron'))).status).toBe(200)
  expect(upstream.requests).toHaveLength(1)
})

test.each<[string, (bootstrap: Bootstrap) => void]>([
  [
    'the filter is not told to send it',
    bootstrap => {
      delete extProcOf(bootstrap).request_attributes
    },
  ],
  [
    'the route has none',
    bootstrap => {
      const [route] = connectionManagerOf(bootstrap).route_config.virtual_hosts[0].routes
      Object.assign(route!, { name: '' })
    },
  ],
])('a policy by the name of the route takes nothing where %s', async (_, overrides) => {
  const { chat, use, upstream, weir } = await behind('full-duplex', overrides)
  const inputRules = [rule(flagWord('heron'))]
  use(policySet(policy({ inputRules, match: { routes: ['llm'] } })))
  upstream.respond({ chunks: [chatCompletion('hello')] })
  expect((await chat(chatRequest('a blue heron'))).status).toBe(200)
  expect(upstream.requests).toHaveLength(1)
  expect(weir.telemetry.gaps).toMatchObject([{ kind: 'unnamed-route' }, { kind: 'passed-unmatched' }])
})
