import { assertNever } from '../errors.ts'
import type { FailureDetail, FailureReason } from '../guardrail/guardrail.ts'
import { type GuardrailKind, guardrailKinds } from '../guardrail/registry.ts'
import { ASKING, CACHE, EGRESS, FAILURES, INTRO, METRICS } from './guardrail-guide-text.ts'
import type { JsonSchema } from './json-schema.ts'
import { kindSchemas, ownTable, serviceTable } from './kind-tables.ts'

/** One line each. A mapping, so that a new one cannot be forgotten. */
const REASONS: Readonly<Record<FailureReason, string>> = {
  timeout: 'The service took too long.',
  unreachable: 'There was no connection to the service, or there are no credentials for it.',
  'bad-response': 'The service answered an error, or something that is no verdict.',
  'rate-limited': 'The service wants fewer requests (status 429), or its pause is not over.',
  'circuit-open': 'Too many of the latest scans failed: the service was not asked.',
  overloaded: 'Too many requests wait for the service already: it was not asked.',
  undecodable: 'The body could not be read, so that no guardrail was asked.',
  'over-limit':
    'The text needs more than 20 requests or is over a limit of the service, or the body is over `limits`.',
  'over-budget': 'Weir holds `server.max_bytes` already: there was no room to gather the body.',
  cancelled: 'Another guardrail denied first, the client went away, or Weir shuts down.',
  internal: 'A fault of Weir; its cause stands in the log.',
}

const DETAILS: Readonly<Record<FailureDetail, string>> = {
  'timeout-connect': 'DNS, TCP and TLS took longer than `connect_timeout`.',
  'timeout-first-byte': 'No answer began, within `first_byte_timeout` or the time of the scan.',
  'timeout-total': 'The time of the scan was over, or an answer stalled.',
  dns: 'The name does not resolve.',
  connection: 'The connection was refused, reset or lost.',
  tls: 'The certificate is not trusted, or TLS failed otherwise.',
  'egress-forbidden': 'The address is one that Weir never connects to.',
  'egress-plaintext': 'The address is public and the URL is http.',
  redirect: 'The service answered a redirect, which is not followed.',
  'status-4xx': 'Any other status below 500 that is not 2xx: a wrong key or endpoint, mostly.',
  'status-5xx': 'The service answered a fault of its own.',
  'not-http': 'The answer is not HTTP.',
  'too-large': 'The answer is larger than any verdict.',
  truncated: 'The answer was cut off.',
  'not-json': 'The answer is not JSON.',
  null: 'The whole answer is `null`.',
  'wrong-shape': 'The answer lacks what decides, or has it in another form.',
  paused: 'The service asked for a pause, which is not over: it was not asked.',
}

/** The text of docs/en/guardrails.md, made from the kinds and their schemas. */
export function renderGuardrailGuide(): string {
  const kinds = kindSchemas().map(([name, schema]) => ({ name, schema, kind: kindNamed(name) }))
  const sections = [
    INTRO,
    FAILURES,
    meanings('Reason', REASONS),
    meanings('Detail', DETAILS),
    ASKING,
    EGRESS,
    CACHE,
    METRICS,
    '## The kinds',
    overview(kinds),
    '## Every kind with a service',
    'These keys stand beside those of the kind.',
    serviceTable(),
    ...kinds.map(kindSection),
  ]
  return `${sections.join('\n\n')}\n`
}

interface NamedKind {
  readonly name: string
  readonly schema: JsonSchema
  readonly kind: GuardrailKind
}

function kindNamed(name: string): GuardrailKind {
  const found = Object.entries(guardrailKinds).find(([known]) => known === name)
  if (found === undefined) throw new TypeError(`the schema has a kind that is not in the registry: ${name}`)
  return found[1]
}

function meanings(title: string, lines: Readonly<Record<string, string>>): string {
  const rows = Object.entries(lines).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
  return [`| ${title} | Meaning |`, '|---|---|', ...rows].join('\n')
}

function overview(kinds: readonly NamedKind[]): string {
  const rows = kinds.map(({ name, kind: { locality, guide } }) => {
    const sides = guide.sides === 'both' ? 'input, output' : guide.sides
    return `| [\`${name}\`](#${name}) | ${locality} | ${sides} | ${REDACTS[guide.redacts.kind]} |`
  })
  return ['| Kind | Runs | Judges | Redacts |', '|---|---|---|---|', ...rows].join('\n')
}

const REDACTS = { always: 'yes', sometimes: 'what has a place', never: 'no' } as const

function kindSection({ name, schema, kind: { guide } }: NamedKind): string {
  return [
    `## \`${name}\``,
    guide.summary,
    ...guide.examples.flatMap(({ title, yaml }) => [
      ...(title === '' ? [] : [title]),
      `\`\`\`yaml\n${yaml}\n\`\`\``,
    ]),
    ownTable(name, schema),
    facts(guide),
  ].join('\n\n')
}

function facts({ sends, finds, redacts, limits, failures, notes, tried }: GuardrailKind['guide']): string {
  return [
    `- **Sends.** ${sends}`,
    `- **Finds.** ${finds}`,
    `- **Redacts.** ${redactsText(redacts)}`,
    `- **Limits.** ${limits}`,
    ...(failures === undefined ? [] : [`- **Failures.** ${failures}`]),
    ...notes.map(note => `- ${note}`),
    ...(tried === undefined ? [] : [`- **Not tried.** ${tried}`]),
  ].join('\n')
}

function redactsText(redacts: GuardrailKind['guide']['redacts']): string {
  switch (redacts.kind) {
    case 'always':
      return 'Every finding has its place.'
    case 'never':
      return 'No finding has a place: `action: redact` denies.'
    case 'sometimes':
      return redacts.where
    default:
      return assertNever(redacts)
  }
}
