import { closestWord } from '../config/hints.ts'
import { showProblem, WeirError } from '../errors.ts'
import { asksForHelp, usage } from './arguments.ts'
import { check } from './check.ts'
import { type Command, type CommandIo, EXIT_CODES, type ExitCode } from './command.ts'
import { envoy } from './envoy.ts'
import { foldHelp } from './fold.ts'
import { scan } from './scan.ts'
import { schema } from './schema.ts'
import { serve } from './serve.ts'
import { tail } from './tail.ts'
import { test } from './test.ts'
import { version } from './version.ts'

const COMMANDS: readonly Command[] = [serve, check, test, scan, tail, envoy, schema, version]

/** Runs the command that `argv` (without node and script) names. Never rejects: what goes wrong becomes a code. */
export async function runCommand(argv: readonly string[], io: CommandIo): Promise<ExitCode> {
  const [name, ...args] = argv
  try {
    if (name === undefined) throw usage('no command is given; see weir --help')
    if (name === '--help' || name === '-h' || name === 'help') {
      io.stdout(foldHelp(overview()))
      return 0
    }
    const command = findCommand(name)
    if (asksForHelp(args)) {
      io.stdout(foldHelp(command.help))
      return 0
    }
    return await command.run(args, io)
  } catch (error) {
    return report(error, io)
  }
}

function findCommand(name: string): Command {
  const found = COMMANDS.find(command => command.name === (name === '--version' ? 'version' : name))
  if (found !== undefined) return found
  const meant = closestWord(
    name,
    COMMANDS.map(command => command.name),
  )
  throw usage(
    `unknown command ${name}${meant === undefined ? '' : `; did you mean ${meant}?`}; see weir --help`,
  )
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `Weir puts guardrails on LLM traffic, as an external processor of Envoy.

Usage: weir COMMAND [options]

Commands:
${lines.join('\n')}

\`weir COMMAND --help\` says more.
${EXIT_CODES}`
}

function report(error: unknown, io: CommandIo): ExitCode {
  if (!(error instanceof WeirError)) {
    io.stderr(
      `weir: unexpected ${error instanceof Error ? error.name : 'error'}; this is a bug\n${placesIn(error)}`,
    )
    return 1
  }
  const problems = error.problems.map(problem => `  ${showProblem(problem)}\n`)
  io.stderr(`weir: ${error.message}\n${problems.join('')}`)
  return exitCodeOf(error)
}

/** Where it was thrown, without its message: a library's may quote what it was given, a key among it. */
function placesIn(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const places = stack.split('\n').filter(line => line.startsWith('    at '))
  return places.map(place => `${place}\n`).join('')
}

function exitCodeOf({ code }: WeirError): ExitCode {
  switch (code) {
    case 'bad-config':
    case 'missing-secret':
    case 'bad-usage':
      return 2
    default:
      return 1
  }
}
