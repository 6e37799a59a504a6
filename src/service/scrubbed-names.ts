import type { RemoteGuardrail, Verdict } from '../guardrail/guardrail.ts'

/**
 * The guardrail, with no known secret in what its service names: detectors, levels, the id of a check. A careless
 * service may name what it found after the key that it was shown, and names go far: to the client, into Envoy's access
 * log, traces, the log. Here, since behind this names are cut, and half a secret is none that is known.
 */
export function withScrubbedNames(
  guardrail: RemoteGuardrail,
  scrub: (text: string) => string,
): RemoteGuardrail {
  return {
    ...guardrail,
    scan: async (subject, signal) => scrubbedNames(await guardrail.scan(subject, signal), scrub),
  }
}

function scrubbedNames(verdict: Verdict, scrub: (text: string) => string): Verdict {
  const requestId = verdict.requestId && scrub(verdict.requestId)
  if (verdict.kind === 'clean') return { ...verdict, requestId }
  const named = <T extends { readonly detector: string; readonly level?: string }>(one: T): T => ({
    ...one,
    detector: scrub(one.detector),
    ...(one.level !== undefined && { level: scrub(one.level) }),
  })
  const { findings, breakdown } = verdict
  return { ...verdict, requestId, findings: findings.map(named), breakdown: breakdown?.map(named) }
}
