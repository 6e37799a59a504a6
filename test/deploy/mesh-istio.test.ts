import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { chatRequest } from '../support/chat.ts'
import { askChat } from '../support/guarded-traffic.ts'
import { describeMesh } from '../support/mesh-stack.ts'
import {
  type MeshManager,
  type MeshXds,
  managersOf,
  readIstio,
  staticBootstrap,
} from '../support/mesh-xds.ts'

const EXT_PROC = 'envoy.filters.http.ext_proc'

function translated(name: string): MeshXds {
  const url = new URL(`../fixtures/mesh/istio-${name}.xds.json`, import.meta.url)
  return readIstio(readFileSync(url, 'utf8'))
}

interface Place {
  readonly name: string
  readonly listener: string
  /** The filter chains that must be guarded, as often as Istio has them; all others must not. */
  readonly guarded: readonly string[]
  readonly llm: string
  /** The virtual host that stands for the LLM, where there are others. */
  readonly virtualHost?: string
}

const PLACES: readonly Place[] = [
  {
    name: 'gateway',
    listener: '0.0.0.0_80',
    guarded: [''],
    llm: 'outbound|8000||llm.llm.svc.cluster.local',
  },
  {
    name: 'sidecar-inbound',
    listener: 'virtualInbound',
    // With mTLS and without.
    guarded: ['0.0.0.0_8000', '0.0.0.0_8000'],
    llm: 'inbound|8000||',
  },
  {
    name: 'sidecar-outbound',
    listener: '0.0.0.0_8080',
    guarded: [''],
    llm: 'outbound|8080||api.example.com',
    virtualHost: 'api.example.com:8080',
  },
  {
    name: 'waypoint',
    listener: 'main_internal',
    guarded: ['inbound-vip|8000|http|llm.example.com', 'direct-http'],
    llm: 'inbound-vip|8000|http|llm.example.com',
  },
]

const filtersOf = (manager: MeshManager): string[] => manager.httpFilters.map(one => one.name)
const isGuarded = (manager: MeshManager): boolean => filtersOf(manager).includes(EXT_PROC)

describe.each(PLACES)('what Istio makes of deploy/istio/$name.yaml', ({ name, listener, guarded }) => {
  const xds = translated(name)

  test('asks Weir right before the router, there and nowhere else', () => {
    for (const { name: other = '' } of xds.listeners) {
      const chains = managersOf(xds, other).filter(one => isGuarded(one.manager))
      expect(chains.map(one => one.chain)).toEqual(other === listener ? guarded : [])
      for (const { manager } of chains) {
        expect(filtersOf(manager).slice(-2)).toEqual([EXT_PROC, 'envoy.filters.http.router'])
      }
    }
  })
})

for (const { name, listener, llm, virtualHost } of PLACES) {
  const xds = translated(name)
  const served = managersOf(xds, listener).find(one => isGuarded(one.manager))

  describeMesh(
    `Envoy as Istio sets it by ${name}.yaml`,
    at => {
      const addresses = { weir: at.weir, [llm]: at.llm }
      return staticBootstrap(xds, { manager: served!.manager, virtualHost, addresses })
    },
    stack => {
      test('hands the credentials of the client to the LLM', async () => {
        const before = stack().llm.requests.length
        await askChat(stack(), chatRequest('hello'), { authorization: 'Bearer of-the-client' })
        const { headers } = await stack().llm.request(before)
        expect(headers.authorization).toBe('Bearer of-the-client')
      })
    },
  )
}

describe('deploy/istio/route-policy.yaml', () => {
  test('names the policy of the route that it means', () => {
    const text = JSON.stringify(translated('gateway').routes)
    expect(text).toContain('"name":"llm.chat.0"')
    expect(text).toContain('{"key":"x-weir-policy","value":"chat"}')
  })
})
