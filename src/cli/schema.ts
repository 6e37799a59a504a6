import { configJsonSchema } from '../config/json-schema.ts'
import { renderConfigReference } from '../config/reference.ts'
import { oneOf, readArguments } from './arguments.ts'
import { type Command, EXIT_CODES } from './command.ts'

/** `weir schema`: the config's JSON Schema for editors, and the text of docs/config.md. */
export const schema: Command = {
  name: 'schema',
  summary: "print the config's JSON Schema or reference page",
  help: `Usage: weir schema [--format json|markdown]

Prints the JSON Schema of a config file (json, the default; for editors), or docs/config.md (markdown).
${EXIT_CODES}`,
  async run(args, io) {
    const { options } = readArguments(args, { options: ['format'], fewest: 0, most: 0 })
    const format = oneOf('format', options.format ?? 'json', ['json', 'markdown'])
    io.stdout(
      format === 'json' ? `${JSON.stringify(configJsonSchema(), undefined, 2)}\n` : renderConfigReference(),
    )
    return 0
  },
}
