import { takesEverything } from './cross-checks.ts'
import type { PolicyConfig, UseConfig } from './policy-schema.ts'
import type { Config } from './schema.ts'
import { sidesOf } from './sides.ts'

/** What a valid config does otherwise than its reader may expect, one sentence each, said once at load. */
export function warningsOf(config: Config): string[] {
  const warnings = [
    ...guardrailWarnings(config),
    ...cacheWarnings(config.cache),
    ...policyOrderWarnings(config.policies),
    ...config.policies.flatMap(policy => policyWarnings(policy, config.guardrails)),
  ]
  return [...new Set(warnings)]
}

function guardrailWarnings({ guardrails, policies }: Config): string[] {
  const used = new Set(policies.flatMap(policy => policy.guardrails.map(({ use }) => use)))
  return Object.entries(guardrails).flatMap(([name, guardrail]) => [
    ...(used.has(name) ? [] : [`guardrail ${name}: no policy uses it`]),
    ...('ssl_verify' in guardrail && guardrail.ssl_verify === false
      ? [
          `guardrail ${name}: ssl_verify is false, so anyone on the way can read what is sent and forge verdicts`,
        ]
      : []),
    ...('allow_plaintext' in guardrail && guardrail.allow_plaintext === true
      ? [
          `guardrail ${name}: allow_plaintext is true, so texts and keys may cross public networks for anyone to read`,
        ]
      : []),
  ])
}

function cacheWarnings(cache: Config['cache']): string[] {
  if (cache?.url === undefined || !cache.allow_plaintext) return []
  return [
    'cache: allow_plaintext is true, so verdicts and the password may cross public networks for anyone to read',
  ]
}

function policyOrderWarnings(policies: readonly PolicyConfig[]): string[] {
  if (policies.length === 0) return ['there is no policy: nothing is guarded']
  const catchAll = policies.findIndex(({ match }) => takesEverything(match))
  const after = catchAll === -1 ? [] : policies.slice(catchAll + 1)
  return after.map(
    ({ name }) =>
      `policy ${name}: stands after ${policies[catchAll]!.name}, which takes everything; only x-weir-policy reaches it`,
  )
}

function policyWarnings(policy: PolicyConfig, configs: Config['guardrails']): string[] {
  const { name, guardrails } = policy
  return [
    ...matchWarnings(policy.match),
    ...(guardrails.length === 0 ? ['has no guardrails: its traffic passes unscanned'] : []),
    ...guardrails.flatMap(use =>
      [...useWarnings(use), ...groundingWarnings(use, configs)].map(
        warning => `guardrail ${use.use}: ${warning}`,
      ),
    ),
  ].map(warning => `policy ${name}: ${warning}`)
}

/** Elsewhere a path ends in a star to be a prefix. */
function matchWarnings(match: PolicyConfig['match']): string[] {
  return (match?.paths ?? []).flatMap((path, index) =>
    path.endsWith('*')
      ? [
          `match.paths.${index} ends in *, which stands for itself and fits next to nothing: leave it out, paths are prefixes`,
        ]
      : [],
  )
}

/** A guardrail that judges answers by their conversation must be given it. */
function groundingWarnings(use: UseConfig, configs: Config['guardrails']): string[] {
  const config = configs[use.use]
  const wantsConversation =
    config !== undefined && 'grounding' in config && config.grounding === 'conversation'
  return wantsConversation && sidesOf(use).output && use.output_context !== 'conversation'
    ? ['grounding has no effect without output_context: conversation']
    : []
}

function useWarnings(use: UseConfig): string[] {
  const modes = use.mode === undefined ? [] : [use.mode].flat()
  const { input, parallel, output } = sidesOf(use)
  const { style, restore, hash_key: hashKey } = use.redact
  return [
    ...(output && use.action === 'alert' && !use.fail_open
      ? ['action alert with fail_open false holds event streams back: a failure of the guardrail denies']
      : []),
    ...(modes.includes('during_call') && modes.includes('pre_call')
      ? ['mode during_call adds nothing on the request beside pre_call']
      : []),
    ...(!input && !parallel && (use.scan === 'latest_turn' || use.roles !== undefined)
      ? ['scan and roles have no effect on a response']
      : []),
    ...(hashKey !== undefined && style !== 'hash'
      ? ['redact.hash_key has no effect without style hash']
      : []),
    ...(use.action !== 'redact' && (style !== 'replace' || restore)
      ? ['redact has no effect without action redact']
      : []),
    ...(use.output_context === 'conversation' && !output
      ? ['output_context has no effect on a request']
      : []),
  ]
}
