import { describe, expect, test } from 'vitest'
import { keptByRoute, type RouteFacts, selectPolicy } from '../../../src/policy/select.ts'
import { policy, policySet } from '../../support/policies.ts'

const nothing: RouteFacts = { policyName: undefined, host: undefined, path: undefined, route: undefined }
const named = (name: string, match?: Parameters<typeof policy>[0]): ReturnType<typeof policy> =>
  policy({ name, ...match })

/** The name of the policy that takes it, or why none does. */
function taken(facts: Partial<RouteFacts>, ...policies: ReturnType<typeof policy>[]): string {
  const selection = selectPolicy(policySet(...policies), { ...nothing, ...facts })
  return selection.kind === 'policy' ? selection.policy.name : selection.kind
}

describe('a policy takes', () => {
  const exact = named('exact', { match: { hosts: ['api.example.com'] } })
  const wild = named('wild', { match: { hosts: ['*.example.com'] } })

  test.each([
    ['api.example.com', 'exact'],
    ['API.Example.com:8443', 'exact'],
    ['x.example.com', 'wild'],
    ['a.b.example.com', 'wild'],
    ['example.com', 'unmatched'],
    ['badexample.com', 'unmatched'],
    ['api.example.com.evil.test', 'unmatched'],
    [undefined, 'unmatched'],
  ])('host %s: %s', (host, expected) => {
    expect(taken({ host }, exact, wild)).toBe(expected)
  })

  test('paths by prefix, routes by name', () => {
    const paths = named('paths', { match: { paths: ['/v1/', '/openai/'] } })
    const routes = named('routes', { match: { routes: ['llm'] } })
    expect(taken({ path: '/openai/x', route: 'llm' }, paths, routes)).toBe('paths')
    expect(taken({ path: '/v2/x', route: 'llm' }, paths, routes)).toBe('routes')
    expect(taken({ path: '/v2/x', route: 'llm2' }, paths, routes)).toBe('unmatched')
    expect(taken({ path: '/x/v1/y', route: 'my-llm' }, paths, routes)).toBe('unmatched')
  })

  test('only what fits all of its keys', () => {
    const both = named('both', { match: { hosts: ['a.test'], paths: ['/v1/'] } })
    expect(taken({ host: 'a.test', path: '/v1/x' }, both)).toBe('both')
    expect(taken({ host: 'a.test', path: '/v2/x' }, both)).toBe('unmatched')
    expect(taken({ host: 'a.test' }, both)).toBe('unmatched')
  })

  test('everything, without match; the first that fits comes first', () => {
    expect(taken({}, named('first'), named('second'))).toBe('first')
    expect(taken({ host: 'api.example.com' }, wild, exact)).toBe('wild')
  })

  test('whatever names it, before any match; a name that is not there takes nothing', () => {
    expect(taken({ policyName: 'exact', host: 'other.test' }, named('all'), exact)).toBe('exact')
    expect(taken({ policyName: 'exakt' }, named('all'), exact)).toBe('unknown-policy')
    expect(taken({ policyName: '' }, named('all'))).toBe('unknown-policy')
  })
})

describe('without the name of a route a policy is kept from', () => {
  const routed = named('routed', { match: { routes: ['llm'], paths: ['/v1/'] } })
  const rest = named('rest')
  const kept = (facts: Partial<RouteFacts>, ...policies: ReturnType<typeof policy>[]): readonly string[] => {
    const [set, all] = [policySet(...policies), { ...nothing, ...facts }]
    return keptByRoute(set, all, selectPolicy(set, all)).map(({ name }) => name)
  }

  test('what it would else take', () => {
    expect(kept({ path: '/v1/chat' }, routed, rest)).toEqual(['routed'])
    expect(kept({ path: '/v1/chat' }, routed)).toEqual(['routed'])
    expect(kept({ path: '/v1/chat', route: '' }, routed, rest)).toEqual(['routed'])
  })

  test('nothing that is not for it, that came before it, or that has a route or a policy by name', () => {
    expect(kept({ path: '/health' }, routed, rest)).toEqual([])
    expect(kept({ path: '/v1/chat' }, rest, routed)).toEqual([])
    expect(kept({ path: '/v1/chat', route: 'other' }, routed, rest)).toEqual([])
    expect(kept({ path: '/v1/chat', policyName: 'rest' }, routed, rest)).toEqual([])
  })
})
