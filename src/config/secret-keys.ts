import { guardrailKinds } from '../guardrail/registry.ts'
import type { SecretPattern } from './secret-paths.ts'

/** A mapping of the config in which secrets may stand. */
export interface SecretBlock {
  /** The name under which its values are kept. */
  readonly place: string
  /** Where it stands in the config. */
  readonly path: readonly PropertyKey[]
  readonly block: unknown
  readonly patterns: readonly SecretPattern[]
}

/** Secrets of a use's `redact`. */
export const REDACT_SECRETS: readonly SecretPattern[] = ['hash_key']

/** Secrets of the `cache`; a URL may hold a password. */
export const CACHE_SECRETS: readonly SecretPattern[] = ['url', 'key']

/** Under which name they stand. No guardrail is called so: names hold no blank. */
export const CACHE_PLACE = 'the cache'

/** Secrets of `server.telemetry.otlp`. */
export const OTLP_SECRETS: readonly SecretPattern[] = ['headers.*']

/** Under which name they stand. */
export const OTLP_PLACE = 'the OTLP exporter'

/** The secrets of a kind; none for a kind that is not known. */
export function secretKeysOf(kind: unknown): readonly SecretPattern[] {
  return kindOf(kind)?.secretKeys ?? []
}

function kindOf(kind: unknown): { readonly secretKeys: readonly SecretPattern[] } | undefined {
  return Object.entries(guardrailKinds).find(([name]) => name === kind)?.[1]
}

/** All blocks of a config that may hold secrets. It takes a raw config, of whatever shape. */
export function secretBlocksOf(config: unknown): readonly SecretBlock[] {
  const { server, guardrails, policies, cache } = isRecord(config) ? config : {}
  const { telemetry } = isRecord(server) ? server : {}
  return [
    { place: CACHE_PLACE, path: ['cache'], block: cache, patterns: CACHE_SECRETS },
    {
      place: OTLP_PLACE,
      path: ['server', 'telemetry', 'otlp'],
      block: isRecord(telemetry) ? telemetry.otlp : undefined,
      patterns: OTLP_SECRETS,
    },
    // Of a kind that is not known nobody can say which of its keys are secrets.
    ...Object.entries(isRecord(guardrails) ? guardrails : {}).flatMap(([name, block]) => {
      const kind = isRecord(block) ? kindOf(block.kind) : undefined
      return kind === undefined
        ? []
        : [{ place: name, path: ['guardrails', name], block, patterns: kind.secretKeys }]
    }),
    ...listOf(policies).flatMap((policy, index) =>
      listOf(isRecord(policy) ? policy.guardrails : undefined).map((use, position) => ({
        place: redactPlace(index, position),
        path: ['policies', index, 'guardrails', position, 'redact'],
        block: isRecord(use) ? use.redact : undefined,
        patterns: REDACT_SECRETS,
      })),
    ),
  ]
}

/** Under which name the secrets of a use's `redact` stand. No guardrail is called so: names hold no blank. */
export function redactPlace(policy: number, use: number): string {
  return `redact of policy ${policy} use ${use}`
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
