import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { readArguments } from './arguments.ts'
import { type Command, EXIT_CODES } from './command.ts'

const packageSchema = z.object({ version: z.string() })

/** The version of this program, as its package.json has it. */
export function programVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return packageSchema.parse(JSON.parse(text)).version
}

/** `weir version`. */
export const version: Command = {
  name: 'version',
  summary: 'print the version of Weir and of Node',
  help: `Usage: weir version

Prints the version of Weir and of the Node that runs it.
${EXIT_CODES}`,
  async run(args, io) {
    readArguments(args, { options: [], fewest: 0, most: 0 })
    io.stdout(`weir ${programVersion()} (node ${process.versions.node})\n`)
    return 0
  },
}
