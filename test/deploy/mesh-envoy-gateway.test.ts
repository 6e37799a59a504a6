import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { chatRequest } from '../support/chat.ts'
import { askChat } from '../support/guarded-traffic.ts'
import { describeMesh } from '../support/mesh-stack.ts'
import { type MeshManager, managersOf, readEgctl, staticBootstrap } from '../support/mesh-xds.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'

const text = readFileSync(new URL('../fixtures/mesh/envoy-gateway.xds.json', import.meta.url), 'utf8')
const xds = readEgctl(text)
const [served] = managersOf(xds, 'llm/llm/http')
const EXT_PROC = 'envoy.filters.http.ext_proc/envoyextensionpolicy/llm/weir/extproc/0'
const WEIR = 'envoyextensionpolicy/llm/weir/extproc/0'
const LLM = 'httproute/llm/llm/rule/0'
const ROUTE = 'httproute/llm/llm/rule/0/match/0/*'

describe('what Envoy Gateway makes of deploy/envoy-gateway', () => {
  test('asks Weir last, and fails closed', () => {
    const filters = served!.manager.httpFilters
    expect(filters.slice(-2).map(one => one.name)).toEqual([EXT_PROC, 'envoy.filters.http.router'])
    expect(filters.at(-2)!.typedConfig).toMatchObject({
      statusOnError: { code: 'ServiceUnavailable' },
      messageTimeout: '10s',
      processingMode: {
        requestHeaderMode: 'SEND',
        responseHeaderMode: 'SEND',
        requestBodyMode: 'FULL_DUPLEX_STREAMED',
        responseBodyMode: 'FULL_DUPLEX_STREAMED',
        requestTrailerMode: 'SEND',
        responseTrailerMode: 'SEND',
      },
    })
    expect(filters.at(-2)!.typedConfig).not.toHaveProperty('failureModeAllow')
  })
})

/**
 * Envoy Gateway gives the gRPC service a timeout of 10 s, which must not end an exchange: with this one a guard service
 * that takes its time would be cut.
 */
const impatient: MeshManager = JSON.parse(
  JSON.stringify(served!.manager).replace('"timeout":"10s"', '"timeout":"0.3s"'),
)

describeMesh(
  'Envoy as Envoy Gateway sets it',
  at => staticBootstrap(xds, { manager: impatient, addresses: { [WEIR]: at.weir, [LLM]: at.llm } }),
  stack => {
    test('tells Weir the route, so that it may choose the policy', async () => {
      const { weir } = stack()
      const usual = weir.policies
      const rules = { inputRules: [rule(flagWord('word'))], requestFailureMessage: 'denied by route' }
      weir.policies = policySet(policy({ match: { routes: [ROUTE] }, ...rules }))
      const answer = await askChat(stack(), chatRequest('a word'))
      weir.policies = usual
      expect(await answer.text()).toContain('denied by route')
    })

    test('logs what Weir says', async () => {
      await (await askChat(stack(), chatRequest('forbidden'))).text()
      const line = await stack().envoy.logged(/^\{.*"weir":\{.*\}$/m)
      expect(JSON.parse(line)).toMatchObject({ status: 200, route: ROUTE, weir: expect.any(Object) })
    })
  },
)
