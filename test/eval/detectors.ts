import type { Finding, LocalGuardrail } from '../../src/guardrail/guardrail.ts'
import { createGuardrail, guardrailConfigSchema, guardrailKinds } from '../../src/guardrail/registry.ts'
import type { TextSegment } from '../../src/llm/format.ts'
import type { Channel } from './item.ts'

/** A local guardrail of a kind with these settings, built as a config would build it; undefined where there is no such kind. */
export function detector(
  kind: string,
  settings: Readonly<Record<string, unknown>> = {},
): LocalGuardrail | undefined {
  if (!(kind in guardrailKinds)) return undefined
  const config = guardrailConfigSchema.parse({ kind, ...settings })
  const guardrail = createGuardrail(kind, config, NO_SERVICE)
  if (guardrail.locality !== 'local') throw new Error(`${kind} asks a service: nothing here may`)
  return guardrail
}

const nothingOutside = (): never => {
  throw new Error('a local guardrail asked for something outside')
}

/** A local guardrail needs nothing from outside. */
const NO_SERVICE: Parameters<typeof createGuardrail>[2] = {
  connect: nothingOutside,
  clock: nothingOutside,
  random: nothingOutside,
  report: nothingOutside,
  scrub: nothingOutside,
}

/** The threshold that a kind has when the config names none; 0 where it knows no threshold. */
export function shippedThreshold(kind: string): number {
  const config = guardrailConfigSchema.parse({ kind })
  return 'threshold' in config && typeof config.threshold === 'number' ? config.threshold : 0
}

/** All that it finds in one text of a request. */
export function findingsIn(guardrail: LocalGuardrail, text: string, channel: Channel): readonly Finding[] {
  const verdict = guardrail.scan({ side: 'input', segments: [segment(text, channel)] })
  return verdict.kind === 'flagged' ? verdict.findings : []
}

const segment = (text: string, channel: Channel): TextSegment =>
  channel === 'user'
    ? { message: 0, role: 'user', kind: 'content', text, path: [] }
    : { message: 0, role: 'tool', kind: 'tool-result', text, path: [] }
