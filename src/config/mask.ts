import type { UseConfig } from './policy-schema.ts'
import type { Config } from './schema.ts'
import { secretKeysOf } from './secret-keys.ts'

const MASK = '***'

/**
 * The config as plain data that may be shown: secret keys, and blocks whose keys Weir does not know yet, are masked
 * whole; credentials inside of a URL too.
 */
export function maskConfig(config: Config): unknown {
  const guardrails = Object.entries(config.guardrails).map(([name, guardrail]) => {
    const secretKeys = secretKeysOf(guardrail.kind)
    const shown = Object.entries(guardrail).map(([key, value]) => [
      key,
      secretKeys.includes(key) ? MASK : value,
    ])
    return [name, Object.fromEntries(shown)]
  })
  return maskCredentials({
    ...config,
    guardrails: Object.fromEntries(guardrails),
    policies: config.policies.map(policy => ({
      ...policy,
      guardrails: policy.guardrails.map(use => ({ ...use, redact: maskRedact(use.redact) })),
    })),
    ...(config.cache === undefined ? {} : { cache: MASK }),
  })
}

function maskRedact(redact: UseConfig['redact']): UseConfig['redact'] {
  return redact.hash_key === undefined ? redact : { ...redact, hash_key: MASK }
}

function maskCredentials(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/(:\/\/)[^/?#\s]*@/g, `$1${MASK}@`)
  if (Array.isArray(value)) return value.map(maskCredentials)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, maskCredentials(entry)]))
}
