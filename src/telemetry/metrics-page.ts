import { DECISION_FAMILIES } from './decision-families.ts'
import { EXCHANGE_FAMILIES } from './exchange-families.ts'
import { EXPORT_FAMILIES } from './export-families.ts'
import type { Family, LabelValues } from './family.ts'
import { SERVICE_FAMILIES } from './service-families.ts'

const INTRO = `# Metrics

\`/metrics\` of the admin listener shows them for Prometheus. This page is made from the code by
\`weir schema --format metrics\`.

Labels take their values from the config and from the closed sets that stand here: never a host, a path, a model, a user
or what a guard service calls a category, so that no traffic can make their number grow. A family without labels is
there from the start; one with labels shows a value once it has happened.

With \`server.workers\` above 1 the one admin listener shows the workers as one process: counters, histograms and most
gauges are sums, \`weir_event_loop_lag_seconds\`, \`weir_guardrail_circuit_state\` and \`weir_snapshot_info\` the
largest, \`weir_verdict_cache_connected\` the smallest. What a worker had counted stays when it ends.

Beside them stand those of the process and of Node: \`process_*\` (CPU, memory, file descriptors) and \`nodejs_*\` (heap,
garbage collection).
`

interface Section {
  readonly title: string
  readonly families: Readonly<Record<string, Family>>
}

/** The text of docs/en/metrics.md. `supervisor`: what only a process with workers shows. */
export function renderMetricsPage(supervisor: Readonly<Record<string, Family>>): string {
  const sections: readonly Section[] = [
    { title: 'Decisions and guardrails', families: DECISION_FAMILIES },
    { title: 'Guard services', families: SERVICE_FAMILIES },
    { title: 'Exchanges and the process', families: EXCHANGE_FAMILIES },
    { title: 'Export by OTLP', families: EXPORT_FAMILIES },
    { title: 'Workers', families: supervisor },
  ]
  return `${[INTRO.trim(), ...sections.map(shown)].join('\n\n')}\n`
}

function shown({ title, families }: Section): string {
  const all = Object.values(families)
  const rows = all.map(family => `| ${[`\`${family.name}\``, family.type, says(family)].join(' | ')} |`)
  const table = ['| family | type | meaning, and when to worry |', '|---|---|---|', ...rows].join('\n')
  const labels = labelsOf(all)
  return [`## ${title}`, table, ...(labels === '' ? [] : ['Labels:', labels])].join('\n\n')
}

function says({ help, labels, watch }: Family): string {
  const names = Object.keys(labels).map(name => `\`${name}\``)
  const by = names.length === 0 ? '' : ` By ${names.join(', ')}.`
  return `${help}${by}${watch === undefined ? '' : ` **Look when:** ${watch}`}`
}

/** Each label once; where families differ in its values, for each of them. */
function labelsOf(families: readonly Family[]): string {
  const known = new Map<string, Map<string, string[]>>()
  for (const { name: family, labels } of families) {
    for (const [label, values] of Object.entries(labels)) {
      const byValues = known.get(label) ?? new Map<string, string[]>()
      const text = valuesText(values)
      byValues.set(text, [...(byValues.get(text) ?? []), family])
      known.set(label, byValues)
    }
  }
  const lines = [...known].flatMap(([label, byValues]) =>
    [...byValues].map(([text, those]) => {
      const of = byValues.size === 1 ? '' : ` (${those.map(family => `\`${family}\``).join(', ')})`
      return `- \`${label}\`${of}: ${text}`
    }),
  )
  return lines.join('\n')
}

function valuesText(values: LabelValues): string {
  return 'namesOf' in values
    ? `the names of ${values.namesOf}`
    : values.map(value => `\`${value}\``).join(', ')
}
