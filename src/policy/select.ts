import type { Match, Policy, PolicySet } from './policy.ts'

/** What is known of an exchange when its policy is chosen; undefined where Envoy did not tell. */
export interface RouteFacts {
  /** From the gRPC initial metadata `x-weir-policy`: set by Envoy's config, never by a client. */
  readonly policyName: string | undefined
  /** `:authority` as it came, port included. */
  readonly host: string | undefined
  /** The normalised path. */
  readonly path: string | undefined
  /** Envoy's route name. */
  readonly route: string | undefined
}

export type Selection =
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'unmatched' }
  /** The metadata names a policy that is not there: never guessed, always denied. */
  | { readonly kind: 'unknown-policy' }

export function selectPolicy(set: PolicySet, facts: RouteFacts): Selection {
  if (facts.policyName !== undefined) {
    const named = set.policies.find(policy => policy.name === facts.policyName)
    return named ? { kind: 'policy', policy: named } : { kind: 'unknown-policy' }
  }
  const policy = set.policies.find(({ match }) => match === undefined || matches(match, facts))
  return policy ? { kind: 'policy', policy } : { kind: 'unmatched' }
}

/** The policies before the one that took an exchange which Envoy's silence about the route alone kept from it. */
export function keptByRoute(set: PolicySet, facts: RouteFacts, selection: Selection): readonly Policy[] {
  // A route without a name has an empty one.
  if ((facts.route ?? '') !== '' || facts.policyName !== undefined) return NONE
  const taking = selection.kind === 'policy' ? selection.policy : undefined
  const kept: Policy[] = []
  for (const policy of set.policies) {
    if (policy === taking) break
    if (policy.match?.routes !== undefined && matchesBut(policy.match, facts)) kept.push(policy)
  }
  return kept
}

const NONE: readonly Policy[] = []

function matches(match: Match, facts: RouteFacts): boolean {
  return matchesBut(match, facts) && someOf(match.routes, facts.route, (name, route) => name === route)
}

/** All but the route. */
function matchesBut(match: Match, facts: RouteFacts): boolean {
  return (
    someOf(match.hosts, facts.host, matchesHost) &&
    someOf(match.paths, facts.path, (prefix, path) => path.startsWith(prefix))
  )
}

function someOf(
  wanted: readonly string[] | undefined,
  given: string | undefined,
  test: (wanted: string, given: string) => boolean,
): boolean {
  if (wanted === undefined) return true
  return given !== undefined && wanted.some(value => test(value, given))
}

function matchesHost(pattern: string, authority: string): boolean {
  const host = authority.toLowerCase().replace(/:\d+$/, '')
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern
}
