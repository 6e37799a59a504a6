import { open } from 'node:fs/promises'
import { fileFailure } from '../config/file-failure.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { placeOf } from '../llm/detect.ts'
import type { RequestPlace } from '../llm/format.ts'
import type { PolicySet } from '../policy/policy.ts'
import { selectPolicy } from '../policy/select.ts'
import { type ScanReport, scanBody } from '../rehearsal/scan-body.ts'
import { type Arguments, oneOf, readArguments, usage } from './arguments.ts'
import type { Command, CommandIo } from './command.ts'
import { openSnapshot } from './open-snapshot.ts'

const DEFAULT_PATH = '/v1/chat/completions'

/** `weir scan`: what serving would decide about one body from disk. */
export const scan: Command = {
  name: 'scan',
  summary: 'judge one request or response body from disk',
  help: `Usage: weir scan FILE|- [options]

Judges one body as serving it would and prints the decision as JSON; never any of the text. - is stdin.

Options:
  --config FILE        the config; without it the embedded one
  --policy NAME        the policy; without it the first whose match takes the path, the host and the route
  --host HOST          the request's host, for \`match.hosts\`
  --route NAME         the name of Envoy's route, for \`match.routes\`
  --side SIDE          input: a request (the default), or output: a response
  --path PATH          the request's path, which tells the API (input: default ${DEFAULT_PATH};
                       output: without it the response tells by its own shape)
  --content-type TYPE  the response's content type; without it the first bytes tell

Exit codes:
  0  release or redact
  1  deny
  2  the command line or the config does not hold, or the file cannot be read
`,
  async run(args, io) {
    const { options, positionals } = readArguments(args, {
      options: ['config', 'policy', 'host', 'route', 'side', 'path', 'content-type'],
      fewest: 1,
      most: 1,
    })
    const side = oneOf('side', options.side ?? 'input', ['input', 'output'])
    const rawPath = options.path ?? (side === 'input' ? DEFAULT_PATH : undefined)
    const place = rawPath === undefined ? undefined : placeOf(rawPath)
    const { snapshot, close } = await openSnapshot({ file: options.config, env: io.env })
    try {
      const question = { file: positionals[0]!, side, place, contentType: options['content-type'] }
      const report = await judgeFile(question, snapshot, options, io)
      io.stdout(`${JSON.stringify(report, undefined, 2)}\n`)
      const note = noteOf(report)
      if (note !== undefined) io.stderr(`weir: nothing was judged: ${note}\n`)
      return report.decision === 'deny' ? 1 : 0
    } finally {
      await close()
    }
  },
}

interface Question {
  readonly file: string
  readonly side: 'input' | 'output'
  readonly place: RequestPlace | undefined
  readonly contentType: string | undefined
}

async function judgeFile(
  { file, ...facts }: Question,
  { policySet }: Snapshot,
  { policy: policyName, host, route }: Arguments['options'],
  io: CommandIo,
): Promise<ScanReport> {
  const selection = selectPolicy(policySet, { policyName, host, path: facts.place?.path, route })
  switch (selection.kind) {
    case 'unknown-policy':
      throw usage(`--policy names no policy of the config, which has ${namesOf(policySet)}`)
    case 'unmatched':
      return unmatchedReport(facts.side, policySet)
    case 'policy': {
      const { policy } = selection
      const { maxRequestBytes, maxResponseBytes } = policy.limits
      // One byte past the limit tells that the body is over it.
      const mostBytes = 1 + (facts.side === 'input' ? maxRequestBytes : maxResponseBytes)
      const body = file === '-' ? await io.readStdin(mostBytes) : await readBody(file, mostBytes)
      return scanBody({ ...facts, policy, body, formats: policySet.formats })
    }
  }
}

function namesOf({ policies }: PolicySet): string {
  return policies.map(({ name }) => name).join(', ') || 'none'
}

/** A release that no guardrail stands behind reads like a clean one. */
function noteOf({ because, rules, policy, side }: ScanReport): string | undefined {
  switch (because) {
    case 'unmatched':
      return 'no policy takes it by its path, host and route; give them by --path, --host and --route, or a --policy'
    case 'unsupported':
      return 'no API that Weir knows has this body at this path; see --path'
    case 'clean':
      return rules.length > 0 ? undefined : `policy ${policy} has no rule for the ${side}`
    default:
      return undefined
  }
}

function unmatchedReport(side: Question['side'], { unmatched }: PolicySet): ScanReport {
  return {
    decision: unmatched === 'pass' ? 'release' : 'deny',
    because: 'unmatched',
    side,
    policy: undefined,
    format: undefined,
    rules: [],
    redactions: [],
    uninspectable: 0,
  }
}

/** The first `mostBytes` of a file. */
async function readBody(file: string, mostBytes: number): Promise<Uint8Array> {
  try {
    const handle = await open(file)
    const chunks: Buffer[] = []
    // Closes the file at its end; `end` is inclusive.
    for await (const chunk of handle.createReadStream({ end: mostBytes - 1 })) chunks.push(chunk)
    return Buffer.concat(chunks)
  } catch (cause) {
    throw usage(`cannot read ${file}: ${fileFailure(cause)}`)
  }
}
