import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { closestWord } from '../config/hints.ts'
import { WeirError } from '../errors.ts'

/** A command line that was read: values of options by name, and what stands outside of options. */
export interface Arguments {
  readonly options: Readonly<Record<string, string | undefined>>
  readonly positionals: readonly string[]
}

/** What a command takes: options that each have a value, and how many positionals (`fewest` to `most`), each a FILE. */
export interface ArgumentShape {
  readonly options: readonly string[]
  readonly fewest: number
  readonly most: number
}

/**
 * Reads a command's arguments.
 *
 * @throws WeirError `bad-usage` with one line: an unknown option, one twice or without value, a positional too many
 */
export function readArguments(args: readonly string[], shape: ArgumentShape): Arguments {
  const config: ParseArgsOptionsConfig = Object.fromEntries(
    shape.options.map(name => [name, { type: 'string', multiple: true }]),
  )
  const { tokens } = parseArgs({ args: [...args], options: config, strict: false, tokens: true })
  const options: Record<string, string> = {}
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind === 'option') {
      const { name, value } = checkOption(token.name, token.rawName, token.value, shape.options)
      if (name in options) throw usage(`--${name} is given twice`)
      options[name] = value
    }
  }
  if (positionals.length > shape.most) throw usage('too many arguments; see --help')
  if (positionals.length < shape.fewest) throw usage('FILE is missing; see --help')
  return { options, positionals }
}

/** A mistake on the command line, as one line. */
export function usage(message: string): WeirError {
  return new WeirError('bad-usage', message)
}

/** Whether the user asks for help, anywhere before a `--`. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end === -1 ? args : args.slice(0, end)).some(arg => arg === '--help' || arg === '-h')
}

/** One of `choices`, or a usage error that lists them. */
export function oneOf<T extends string>(option: string, value: string, choices: readonly T[]): T {
  const found = choices.find(choice => choice === value)
  if (found === undefined) throw usage(`--${option} must be one of ${choices.join(', ')}`)
  return found
}

function checkOption(
  name: string,
  rawName: string,
  value: string | undefined,
  known: readonly string[],
): { name: string; value: string } {
  if (!known.includes(name)) {
    const meant = closestWord(name, known)
    throw usage(
      `unknown option ${rawName}; ${meant === undefined ? 'see --help' : `did you mean --${meant}?`}`,
    )
  }
  // `--config --listen x` swallows the next option as its value: that is a missing value.
  if (value === undefined || value === '' || value.startsWith('--')) throw usage(`--${name} needs a value`)
  return { name, value }
}
