import type { GuardrailConfig } from '../guardrail/registry.ts'
import type { Config } from './schema.ts'
import { CACHE_SECRETS, OTLP_SECRETS, REDACT_SECRETS, secretKeysOf } from './secret-keys.ts'
import { mapSecrets } from './secret-paths.ts'

const MASK = '***'

/**
 * The config as plain data that may be shown: what stands at secret keys is masked whole; credentials inside of a URL
 * too.
 */
export function maskConfig(config: Config): unknown {
  const guardrails = Object.entries(config.guardrails).map(([name, guardrail]) => [
    name,
    maskGuardrail(guardrail),
  ])
  const { telemetry } = config.server
  return maskCredentials({
    ...config,
    server: {
      ...config.server,
      telemetry: { ...telemetry, otlp: mapSecrets(telemetry.otlp, OTLP_SECRETS, () => MASK) },
    },
    guardrails: Object.fromEntries(guardrails),
    policies: config.policies.map(policy => ({
      ...policy,
      guardrails: policy.guardrails.map(use => ({
        ...use,
        redact: mapSecrets(use.redact, REDACT_SECRETS, () => MASK),
      })),
    })),
    ...(config.cache === undefined ? {} : { cache: mapSecrets(config.cache, CACHE_SECRETS, () => MASK) }),
  })
}

/** One guardrail's config, its secrets masked. */
function maskGuardrail(guardrail: GuardrailConfig): Readonly<Record<string, unknown>> {
  return mapSecrets(guardrail, secretKeysOf(guardrail.kind), () => MASK)
}

function maskCredentials(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/(:\/\/)[^/?#\s]*@/g, `$1${MASK}@`)
  if (Array.isArray(value)) return value.map(maskCredentials)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, maskCredentials(entry)]))
}
