import { afterEach, describe, expect, test } from 'vitest'
import { type Bootstrap, connectionManagerOf, ENVOY_MODES, extProcOf } from '../support/bootstrap.ts'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const EXT_PROC = 'envoy.filters.http.ext_proc'

let stack: Stack | undefined
afterEach(async () => {
  await stack?.stop()
  stack = undefined
})

/** A policy that denies whatever holds its own name. */
const named = (name: string, match?: Parameters<typeof policy>[0]): ReturnType<typeof policy> =>
  policy({ name, inputRules: [rule(flagWord(name))], requestFailureMessage: `denied by ${name}`, ...match })

async function textOf(response: Response): Promise<string> {
  return response.text()
}

describe('which policy takes an exchange', () => {
  test('is told by host, path and route name, the first that fits', async () => {
    stack = await startStack('full-duplex')
    stack.use(
      policySet(
        named('host', { match: { hosts: ['a.example'] } }),
        named('wild', { match: { hosts: ['*.b.example'] } }),
        named('path', { match: { paths: ['/v1/chat'] } }),
        named('route', { match: { routes: ['llm'] } }),
      ),
    )
    const all = chatRequest('host wild path route')
    const send = (host: string, path: string): Promise<string> => requestWithHost(stack!, host, path, all)
    expect(await send('a.example:8080', '/x/chat/completions')).toContain('denied by host')
    expect(await send('x.b.example', '/x/chat/completions')).toContain('denied by wild')
    expect(await send('c.example', '/v1//chat/./completions?k=v')).toContain('denied by path')
    expect(await send('c.example', '/other/chat/completions')).toContain('denied by route')
  })

  test('is told outright by the gRPC metadata of the route, never by a header of the client', async () => {
    const overrides = (config: Bootstrap): void => {
      const [route] = connectionManagerOf(config).route_config.virtual_hosts[0].routes
      route!.typed_per_filter_config = {
        [EXT_PROC]: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute',
          overrides: { grpc_initial_metadata: [{ key: 'x-weir-policy', value: 'strict' }] },
        },
      }
    }
    stack = await startStack('full-duplex', { overrides })
    stack.use(policySet(named('loose'), named('strict')))
    stack.upstream.respond({ headers: JSON_TYPE, chunks: ['{}'] })
    const forged = { headers: { 'x-weir-policy': 'loose' } }
    expect(await textOf(await stack.chat(chatRequest('strict'), forged))).toContain('denied by strict')
    expect(await textOf(await stack.chat(chatRequest('loose'), forged))).toBe('{}')
    stack.use(policySet(named('loose')))
    const unknown = await stack.chat(chatRequest('hello'))
    expect([unknown.status, unknown.headers.get('x-weir-reason')]).toEqual([500, 'unknown-policy'])
  })
})

describe('what Envoy does not show', () => {
  test.each([
    ['BUFFERED_PARTIAL', 'BUFFERED'],
    ['NONE', 'BUFFERED'],
    ['BUFFERED', 'BUFFERED_PARTIAL'],
    ['BUFFERED', 'NONE'],
  ])('request %s, response %s: refused where a policy needs it', async (request, response) => {
    const overrides = (config: Bootstrap): void => {
      Object.assign(Object(extProcOf(config).processing_mode), {
        request_body_mode: request,
        response_body_mode: response,
      })
    }
    stack = await startStack('buffered', { overrides })
    const rules = [rule(flagWord('secret'))]
    stack.use(policySet(policy({ inputRules: rules, outputRules: rules })))
    stack.upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('a secret')] })
    const answer = await stack.chat(chatRequest('hello'))
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ error: { code: 'guardrail_unavailable' } })
    expect(stack.weir.telemetry.refusals).toHaveLength(1)
  })
})

describe('observability_mode', () => {
  test('lets everything through and records what would have been denied', async () => {
    const overrides = (config: Bootstrap): void => {
      Object.assign(extProcOf(config), { observability_mode: true })
      // Envoy sends no other kind of body to an observer.
      Object.assign(Object(extProcOf(config).processing_mode), { request_body_mode: 'STREAMED' })
    }
    stack = await startStack('streamed', { overrides })
    const rules = [rule(flagWord('secret'))]
    stack.use(policySet(policy({ inputRules: rules, outputRules: rules })))
    stack.upstream.respond({ headers: JSON_TYPE, chunks: [chatCompletion('a secret')] })
    const answer = await stack.chat(chatRequest('my secret'))
    expect(await textOf(answer)).toBe(chatCompletion('a secret'))
    for (const phase of ['request', 'response'] as const) {
      expect(await stack.weir.telemetry.decided(phase)).toMatchObject({
        effective: 'released',
        rules: [{ outcome: 'flagged' }],
      })
    }
  })
})

describe('an answer that Envoy gives itself', () => {
  /** A filter before ours that answers, so that ours sees response phases only. */
  const directResponse = (status: number, body: string, type: string) => (config: Bootstrap) => {
    const manager = connectionManagerOf(config)
    const [route] = manager.route_config.virtual_hosts[0].routes
    Reflect.deleteProperty(route!, 'route')
    Object.assign(route!, {
      direct_response: { status, body: { inline_string: body } },
      response_headers_to_add: [{ header: { key: 'content-type', value: type } }],
    })
  }

  test.each(ENVOY_MODES)('%s: passes when it is no success', async mode => {
    stack = await startStack(mode, { overrides: directResponse(429, 'slow down, secret', 'text/plain') })
    stack.use(policySet(policy({ outputRules: [rule(flagWord('secret'))] })))
    const answer = await stack.chat(chatRequest('hello'))
    expect([answer.status, await textOf(answer)]).toEqual([429, 'slow down, secret'])
  })

  test.each(ENVOY_MODES)('%s: is a completion when it looks like one', async mode => {
    const body = chatCompletion('a secret')
    stack = await startStack(mode, { overrides: directResponse(200, body, 'application/json') })
    stack.use(policySet(policy({ outputRules: [rule(flagWord('secret'))] })))
    const text = await textOf(await stack.chat(chatRequest('hello')))
    expect(text).toContain('Response blocked by policy')
    expect(text).not.toContain('secret')
  })

  test('is a completion even when the request was never shown', async () => {
    const body = chatCompletion('a secret')
    const overrides = (config: Bootstrap): void => {
      directResponse(200, body, 'application/json')(config)
      Object.assign(Object(extProcOf(config).processing_mode), {
        request_header_mode: 'SKIP',
        request_body_mode: 'NONE',
      })
    }
    stack = await startStack('buffered', { overrides })
    stack.use(policySet(policy({ outputRules: [rule(flagWord('secret'))] })))
    expect(await textOf(await stack.chat(chatRequest('hello')))).not.toContain('secret')
    expect(await stack.weir.telemetry.decided('response')).toMatchObject({ effective: 'denied' })
  })
})

async function requestWithHost(to: Stack, host: string, path: string, body: string): Promise<string> {
  const { request } = await import('node:http')
  const url = new URL(to.envoy.address)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: url.hostname,
        port: url.port,
        path,
        method: 'POST',
        headers: { host, 'content-type': 'application/json' },
      },
      response => {
        let text = ''
        response.on('data', (chunk: Buffer) => {
          text += chunk
        })
        response.on('end', () => resolve(text))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
