import { serverTlsWarnings } from '../config/server-tls.ts'
import { readArguments } from './arguments.ts'
import { type Command, EXIT_CODES } from './command.ts'
import { openSnapshot } from './open-snapshot.ts'

/** `weir check`: whether a config holds, secrets included, without serving it. */
export const check: Command = {
  name: 'check',
  summary: 'check a config file and list every problem',
  help: `Usage: weir check FILE

Reads a config as \`weir serve\` would, secrets and certificates included, and prints "ok" with its warnings, or every problem.
${EXIT_CODES}`,
  async run(args, io) {
    const { positionals } = readArguments(args, { options: [], fewest: 1, most: 1 })
    const { snapshot, close } = await openSnapshot({ file: positionals[0], env: io.env })
    try {
      const warnings = [...snapshot.warnings, ...serverTlsWarnings(snapshot.server)]
      io.stdout(['ok', ...warnings.map(warning => `warning: ${warning}`), ''].join('\n'))
      return 0
    } finally {
      await close()
    }
  },
}
