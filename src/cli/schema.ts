import { renderGuardrailGuide } from '../config/guardrail-guide.ts'
import { configJsonSchema } from '../config/json-schema.ts'
import { renderConfigReference } from '../config/reference.ts'
import { assertNever } from '../errors.ts'
import { renderMetricsPage } from '../telemetry/metrics-page.ts'
import { SUPERVISOR_FAMILIES } from '../workers/supervisor-metrics.ts'
import { oneOf, readArguments } from './arguments.ts'
import { type Command, EXIT_CODES } from './command.ts'

/** `weir schema`: the config's JSON Schema for editors, and the texts of the pages that are made from the code. */
export const schema: Command = {
  name: 'schema',
  summary: "print the config's JSON Schema or a reference page",
  help: `Usage: weir schema [--format json|markdown|guardrails|metrics]

Prints the JSON Schema of a config file (json, the default; for editors), docs/en/config.md (markdown),
docs/en/guardrails.md (guardrails), or docs/en/metrics.md (metrics).
${EXIT_CODES}`,
  async run(args, io) {
    const { options } = readArguments(args, { options: ['format'], fewest: 0, most: 0 })
    io.stdout(rendered(oneOf('format', options.format ?? 'json', FORMATS)))
    return 0
  },
}

const FORMATS = ['json', 'markdown', 'guardrails', 'metrics'] as const

function rendered(format: (typeof FORMATS)[number]): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`
    case 'markdown':
      return renderConfigReference()
    case 'guardrails':
      return renderGuardrailGuide()
    case 'metrics':
      return renderMetricsPage(SUPERVISOR_FAMILIES)
    default:
      return assertNever(format)
  }
}
