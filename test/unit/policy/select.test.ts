import { describe, expect, test } from 'vitest'
import { type RouteFacts, selectPolicy } from '../../../src/policy/select.ts'
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
