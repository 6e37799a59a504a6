import { LineCounter, parseDocument } from 'yaml'
import { WeirError } from '../errors.ts'

/** Aliases may blow a small file up; a config needs a few. Past this many resolutions the file is refused. */
const MAX_ALIASES = 100

/**
 * One YAML 1.2 document as plain data. `what` names it in errors.
 *
 * Messages are ours, by the parser's error code: its own quote the line, which may hold a key.
 *
 * @throws WeirError `bad-config`, each problem with its line
 */
export function parseYaml(text: string, what = 'the config'): unknown {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    version: '1.2',
    uniqueKeys: true,
    // A warning of the library's own quotes what it is about, on stderr.
    logLevel: 'error',
    prettyErrors: false,
    lineCounter: lines,
  })
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    const messages = faults.map(fault => `line ${lines.linePos(fault.pos[0]).line}: ${sentence(fault.code)}`)
    throw badYaml(what, messages)
  }
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (cause) {
    if (!(cause instanceof ReferenceError)) throw cause
    const tooMany = cause.message.startsWith('Excessive')
    throw badYaml(what, [tooMany ? 'too many aliases' : 'an alias (*) without its anchor (&)'])
  }
}

function badYaml(what: string, messages: readonly string[]): WeirError {
  const problems = [...new Set(messages)].map(message => ({ path: '', message }))
  return new WeirError('bad-config', `${what} is not valid YAML`, { problems })
}

function sentence(code: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key stands twice in one mapping'
    case 'MULTIPLE_DOCS':
      return 'a second document begins; only one may stand here'
    case 'TAB_AS_INDENT':
      return 'a tab is used to indent; use spaces'
    case 'BAD_INDENT':
      return 'the indentation does not fit the lines above'
    case 'MISSING_CHAR':
      return 'a character is missing, such as a closing quote, bracket or comma'
    case 'RESOURCE_EXHAUSTION':
      return 'nested too deeply'
    case 'MULTILINE_IMPLICIT_KEY':
      return 'a key must stand on one line, followed by a colon'
    case 'TAG_RESOLVE_FAILED':
      return 'an unknown tag (!)'
    default:
      return `not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`
  }
}
