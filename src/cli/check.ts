import { serverTlsWarnings } from '../config/server-tls.ts'
import type { PolicySet } from '../policy/policy.ts'
import { selectPolicy } from '../policy/select.ts'
import { readArguments } from './arguments.ts'
import { type Command, EXIT_CODES } from './command.ts'
import { foldLine } from './fold.ts'
import { openSnapshot } from './open-snapshot.ts'

/** `weir check`: whether a config holds, secrets included, without serving it. */
export const check: Command = {
  name: 'check',
  summary: 'check a config file and list every problem',
  help: `Usage: weir check FILE

Reads a config as \`weir serve\` would, secrets and certificates included, and prints "ok" with warnings and notes, or every
problem with its line.
${EXIT_CODES}`,
  async run(args, io) {
    const { positionals } = readArguments(args, { options: [], fewest: 1, most: 1 })
    const { snapshot, close } = await openSnapshot({ file: positionals[0], env: io.env })
    try {
      const warnings = [...snapshot.warnings, ...serverTlsWarnings(snapshot.server)]
      const notes = notesOf(snapshot.policySet)
      const lines = [...warnings.map(warning => `warning: ${warning}`), ...notes.map(note => `note: ${note}`)]
      io.stdout(['ok', ...lines.map(line => foldLine(line, io.columns(), 2)), ''].join('\n'))
      return 0
    } finally {
      await close()
    }
  },
}

/** What is no mistake, and yet surprises whoever did not think of it. */
function notesOf(policySet: PolicySet): readonly string[] {
  const routed = policySet.policies.filter(({ match }) => match?.routes !== undefined)
  return [
    ...routed.map(
      ({ name }) =>
        `policy ${name}: match.routes fits only where Envoy tells the name of the route: \`request_attributes: [xds.route_name]\` on its filter, and a \`name\` on the route`,
    ),
    ...(passesUnmatched(policySet)
      ? [
          'no policy takes everything: what none of them takes passes unseen, unless `unmatched: deny` closes it',
        ]
      : []),
  ]
}

/** An exchange of which nothing is known is for a policy without match, or for none. */
function passesUnmatched(policySet: PolicySet): boolean {
  const nothing = { policyName: undefined, host: undefined, path: undefined, route: undefined }
  return policySet.unmatched === 'pass' && selectPolicy(policySet, nothing).kind === 'unmatched'
}
