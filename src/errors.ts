/**
 * Every fault that Weir itself raises has one of these codes; what a client, an operator or a log line sees is
 * chosen by the code, never by parsing a message.
 */
export type WeirErrorCode =
  | 'bad-config' // the config file does not hold; `problems` lists every one of them
  | 'bad-usage' // the command line does not hold
  | 'missing-secret' // a secret reference points at nothing, or at an empty value
  | 'address-in-use' // a listener's address is taken
  | 'unreachable' // a running Weir that a command asks does not answer
  | 'worker-failed' // a worker process could not be started, or ended before it served
  | 'unsupported-runtime' // this Node cannot run Weir safely
  | 'bad-message' // bytes from Envoy that are not a ProcessingRequest
  | 'bug' // an invariant of ours was broken

/** One problem in a config file: `path` is the dotted key path, `message` says what is wrong and what to do. */
export interface ConfigProblem {
  readonly path: string
  readonly message: string
  /** Its line in the file, from 1, where it is known. */
  readonly line?: number | undefined
}

/** As a person reads it: `line 7: server.listen: must be …`, as far as its place is known. */
export function showProblem({ line, path, message }: ConfigProblem): string {
  const at = line === undefined ? [] : [`line ${line}`]
  return [...at, ...(path === '' ? [] : [path]), message].join(': ')
}

export class WeirError extends Error {
  readonly code: WeirErrorCode
  readonly problems: readonly ConfigProblem[]

  constructor(
    code: WeirErrorCode,
    message: string,
    options: { cause?: unknown; problems?: readonly ConfigProblem[] } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'WeirError'
    this.code = code
    this.problems = options.problems ?? []
  }
}

/** Makes a closed union a compile-time promise: reached only when a new member was not handled. */
export function assertNever(value: never): never {
  throw new WeirError('bug', `unhandled case: ${JSON.stringify(value)}`)
}
