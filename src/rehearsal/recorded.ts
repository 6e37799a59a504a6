import {
  type Finding,
  type Guardrail,
  GuardrailFailure,
  type RemoteGuardrail,
  type ScanSubject,
  type Verdict,
  verdictFrom,
} from '../guardrail/guardrail.ts'
import type { PolicySet, Rule } from '../policy/policy.ts'
import type { Recorded } from './case-schema.ts'
import { type Recording, unrecorded } from './recording.ts'

/** Who was asked while a case was played. */
export interface Asked {
  readonly guardrails: ReadonlySet<string>
  /** Services that neither the case nor a recording answers for. They were not asked: each of their scans failed. */
  readonly unanswered: ReadonlySet<string>
}

/**
 * Who answers for guard services that a case says nothing of: the recording beside the cases; they themselves, and
 * that is kept in the recording; or they themselves.
 */
export type Services = 'recorded' | 'record' | 'live'

/**
 * The policies with what their guardrails say in a case. A guardrail keeps its locality, so that it is asked when it
 * would be; local ones that the case says nothing of judge as always.
 */
export function withRecorded(
  policySet: PolicySet,
  recorded: Readonly<Record<string, Recorded>>,
  services: Services,
  recording: Recording,
): { readonly policySet: PolicySet; readonly asked: Asked } {
  const guardrails = new Set<string>()
  const unanswered = new Set<string>()
  const standIn = (guardrail: Guardrail): Guardrail => {
    const said = Object.hasOwn(recorded, guardrail.name) ? recorded[guardrail.name] : undefined
    const ask = (): void => void guardrails.add(guardrail.name)
    if (said !== undefined) return speaking(guardrail, said, ask)
    if (guardrail.locality === 'local' || services === 'live') return noted(guardrail, ask)
    if (services === 'record') return kept(guardrail, recording, ask)
    return remembered(guardrail, recording, ask, () => void unanswered.add(guardrail.name))
  }
  const ruled = (rules: readonly Rule[]): readonly Rule[] =>
    rules.map(rule => ({ ...rule, guardrail: standIn(rule.guardrail) }))
  const policies = policySet.policies.map(policy => ({
    ...policy,
    inputRules: ruled(policy.inputRules),
    parallelRules: ruled(policy.parallelRules),
    outputRules: ruled(policy.outputRules),
  }))
  return { policySet: { ...policySet, policies }, asked: { guardrails, unanswered } }
}

function speaking({ name, locality }: Guardrail, said: Recorded, ask: () => void): Guardrail {
  const scan = (subject: ScanSubject): Verdict => {
    ask()
    return verdictOf(said, subject)
  }
  if (locality === 'local') return { name, locality, scan }
  return { name, locality, timeoutMs: STAND_IN_TIMEOUT_MS, scan: async subject => scan(subject) }
}

/** It answers at once. */
const STAND_IN_TIMEOUT_MS = 60_000

function verdictOf(said: Recorded, { segments }: ScanSubject): Verdict {
  if (said.kind === 'clean') return { kind: 'clean' }
  if (said.kind === 'failure') throw new GuardrailFailure(said.reason, 'the case says that it fails')
  const findings = said.findings.flatMap(({ detector, text }): Finding[] =>
    text === undefined
      ? [{ detector }]
      : segments.flatMap((segment, index) => placesOf(text, segment.text, index, detector)),
  )
  return verdictFrom(findings)
}

function placesOf(wanted: string, text: string, segment: number, detector: string): readonly Finding[] {
  const findings: Finding[] = []
  for (let start = text.indexOf(wanted); start !== -1; start = text.indexOf(wanted, start + wanted.length)) {
    findings.push({ detector, span: { segment, start, end: start + wanted.length } })
  }
  return findings
}

function noted(guardrail: Guardrail, ask: () => void): Guardrail {
  if (guardrail.locality === 'remote') {
    return {
      ...guardrail,
      scan(subject, signal) {
        ask()
        return guardrail.scan(subject, signal)
      },
    }
  }
  const { openScan } = guardrail
  return {
    ...guardrail,
    scan(subject: ScanSubject) {
      ask()
      return guardrail.scan(subject)
    },
    ...(openScan && {
      openScan: (...of: Parameters<typeof openScan>) => {
        ask()
        return openScan.apply(guardrail, of)
      },
    }),
  }
}

function kept(guardrail: RemoteGuardrail, recording: Recording, ask: () => void): Guardrail {
  return {
    ...guardrail,
    scan(subject: ScanSubject) {
      ask()
      return recording.ask(guardrail, subject)
    },
  }
}

function remembered(
  guardrail: RemoteGuardrail,
  recording: Recording,
  ask: () => void,
  miss: () => void,
): Guardrail {
  return {
    ...guardrail,
    timeoutMs: STAND_IN_TIMEOUT_MS,
    async scan(subject: ScanSubject) {
      ask()
      const verdict = recording.verdictOf(guardrail.name, subject)
      if (verdict !== undefined) return verdict
      miss()
      throw unrecorded()
    },
  }
}
