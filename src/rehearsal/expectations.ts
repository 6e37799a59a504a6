import type { DecisionRecord } from '../exchange/record.ts'
import type { Expected, ExpectedBytes, ExpectedSide } from './case-schema.ts'
import type { Played } from './play.ts'
import type { Asked } from './recorded.ts'

/** What a case came to otherwise than it expects, one sentence each; none: it passed. */
export function missesOf(expected: Expected, played: Played, asked: Asked): readonly string[] {
  const request = recordOf(played, 'request')
  const response = recordOf(played, 'response')
  const policy = (request ?? response)?.policy
  return [
    ...[...asked.unanswered].map(
      name =>
        `${name} was asked, and nothing says what it answers: add it to guardrails, or record it by --services record`,
    ),
    ...(expected.policy === undefined || expected.policy === policy
      ? []
      : [`policy: expected ${expected.policy}, was ${policy ?? 'none'}`]),
    ...(expected.request === undefined ? [] : sideMisses('request', expected.request, request)),
    ...(expected.response === undefined ? [] : sideMisses('response', expected.response, response)),
    ...upstreamMisses(expected.upstream, played.upstream),
    ...clientMisses(expected.client, played),
    ...(expected.asked ?? []).flatMap(name => (asked.guardrails.has(name) ? [] : [`${name} was not asked`])),
    ...(expected.not_asked ?? []).flatMap(name => (asked.guardrails.has(name) ? [`${name} was asked`] : [])),
  ]
}

/** The last word about a side. */
function recordOf({ records }: Played, phase: DecisionRecord['phase']): DecisionRecord | undefined {
  return records.findLast(record => record.phase === phase)
}

function sideMisses(
  side: 'request' | 'response',
  expected: ExpectedSide,
  record: DecisionRecord | undefined,
): readonly string[] {
  const effective = record?.effective ?? 'unguarded'
  const found = [...new Set(record?.rules.flatMap(rule => rule.detectors))].sort()
  const wanted = expected.detectors && [...new Set(expected.detectors)].sort()
  const told = record === undefined ? effective : `${effective} (${record.because})`
  const misses: string[] = []
  if (expected.effective !== undefined && expected.effective !== effective)
    misses.push(`${side}: expected ${expected.effective}, was ${told}`)
  if (expected.because !== undefined && expected.because !== record?.because)
    misses.push(`${side}: expected because ${expected.because}, was ${told}`)
  if (wanted !== undefined && wanted.join() !== found.join())
    misses.push(`${side}: expected detectors ${listed(wanted)}, found ${listed(found)}`)
  for (const [setting, word] of Object.entries(expected.would ?? {})) {
    const would = new Map(Object.entries(record?.would ?? {})).get(setting) ?? 'the-same'
    if (would !== word) misses.push(`${side}: expected ${word} with ${setting}, would be ${would}`)
  }
  return misses
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ')
}

function upstreamMisses(expected: Expected['upstream'], body: Uint8Array | undefined): readonly string[] {
  if (expected === undefined) return []
  if (expected === 'nothing') return body === undefined ? [] : ['upstream: expected nothing, got the request']
  if (body === undefined) return ['upstream: the request did not reach it']
  return byteMisses('upstream', expected, body)
}

function clientMisses(expected: Expected['client'], { client, failed }: Played): readonly string[] {
  if (expected === undefined) return failed === undefined ? [] : [`the call ended as ${failed}`]
  if (client === undefined) return [`client: got no answer${failed === undefined ? '' : ` (${failed})`}`]
  const headers = Object.entries(expected.headers ?? {}).flatMap(([name, value]) => {
    const given = client.headers[name.toLowerCase()]
    return given === value ? [] : [`client: expected header ${name} to be ${value}, was ${given ?? 'absent'}`]
  })
  const status =
    expected.status === undefined || expected.status === client.status
      ? []
      : [`client: expected status ${expected.status}, was ${client.status}`]
  return [...status, ...headers, ...byteMisses('client', expected, client.body)]
}

/** The words come from the case; of the bytes themselves nothing is told. */
function byteMisses(who: string, { contains, lacks }: ExpectedBytes, body: Uint8Array): readonly string[] {
  const text = Buffer.from(body).toString()
  return [
    ...(contains ?? []).flatMap(word =>
      text.includes(word) ? [] : [`${who}: expected to contain ${JSON.stringify(word)}, does not`],
    ),
    ...(lacks ?? []).flatMap(word =>
      text.includes(word) ? [`${who}: expected to lack ${JSON.stringify(word)}, contains it`] : [],
    ),
  ]
}
