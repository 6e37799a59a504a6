import { LineCounter, parseDocument, type YAMLError } from 'yaml'
import { type ConfigProblem, WeirError } from '../errors.ts'

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
    const problems = faults.map(fault => ({
      path: '',
      message: sentence(fault),
      line: lines.linePos(fault.pos[0]).line,
    }))
    throw badYaml(what, firstOfEachLine(problems))
  }
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (cause) {
    if (!(cause instanceof ReferenceError)) throw cause
    const tooMany = cause.message.startsWith('Excessive')
    const message = tooMany ? 'too many aliases' : 'an alias (*) without its anchor (&)'
    throw badYaml(what, [{ path: '', message }])
  }
}

/** What else is wrong with a line follows from the first, mostly. */
function firstOfEachLine(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.filter(({ line }, index) => problems.findIndex(first => first.line === line) === index)
}

function badYaml(what: string, problems: readonly ConfigProblem[]): WeirError {
  return new WeirError('bad-config', `${what} is not valid YAML`, { problems })
}

/** By its code, and where one code has several causes by the library's own sentence, as far as those are constant. */
function sentence({ code, message }: YAMLError): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key stands twice in one mapping'
    case 'MULTIPLE_DOCS':
      return 'a second document begins; only one may stand here'
    case 'TAB_AS_INDENT':
      return 'a tab is used to indent; use spaces'
    case 'BAD_INDENT':
      return message.startsWith('Flow ')
        ? 'a { or [ of a line above is not closed'
        : 'the indentation does not fit the lines above'
    case 'MISSING_CHAR':
      return missing(message)
    case 'RESOURCE_EXHAUSTION':
      return 'nested too deeply'
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a key inside of a value: what follows is indented too far, or a text with a colon needs quotes'
    case 'MULTILINE_IMPLICIT_KEY':
      return 'a key must stand on one line, followed by a colon and a blank'
    case 'TAG_RESOLVE_FAILED':
      return 'an unknown tag (!)'
    default:
      return `not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`
  }
}

function missing(message: string): string {
  if (message.startsWith('Implicit map keys'))
    return 'a key without a value: a colon and a blank must follow it'
  if (message.startsWith('Sequence item')) {
    return 'an entry of a list must begin with "- ", and its keys stand below each other'
  }
  return 'a character is missing, such as a closing quote, bracket or comma'
}
