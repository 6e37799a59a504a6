import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { errorOf, secretValuesOf, snapshotOf } from './given.ts'
import { FULL_CONFIG } from './section6.ts'

const CANARY = 'canary-9b7e55aa01'

/** All that a log, a terminal or a dump could show of an error. */
function everything(error: Error): string {
  return [inspect(error, { depth: 10, showHidden: true }), error.stack, JSON.stringify(error)].join('\n')
}

describe('a key in the config', () => {
  it.each<[string, string]>([
    ['on a line that does not parse', `guardrails:\n  l: { kind: lakera, api_key: "${CANARY}\npolicies: []`],
    [
      'on an indented line too much',
      `guardrails:\n  l:\n    kind: lakera\n      api_key: ${CANARY}\npolicies: []`,
    ],
    ['twice', `a: ${CANARY}\na: ${CANARY}`],
    ['in an alias', `a: *${CANARY}`],
    ['in a tag', `a: !${CANARY} x`],
    ['after a stray bracket', `a: ]${CANARY}`],
    ['instead of a mapping', `guardrails: ${CANARY}\npolicies: []`],
    ['instead of a kind', `guardrails: { l: { kind: ${CANARY} } }\npolicies: []`],
    ['in a list', `guardrails: { l: { kind: lakera, api_key: [${CANARY}] } }\npolicies: []`],
    [
      'without a blank after the colon',
      `guardrails: { l: { kind: lakera, api_key:${CANARY} } }\npolicies: []`,
    ],
    [
      'with a character that no header takes',
      `guardrails: { l: { kind: lakera, api_key: "${CANARY}\\u0001" } }\npolicies: []`,
    ],
    [
      'with a blank inside',
      `guardrails: { l: { kind: lakera, api_key: "${CANARY} ${CANARY}" } }\npolicies: []`,
    ],
    ['where a number should be', `guardrails: { l: { kind: lakera, timeout: ${CANARY} } }\npolicies: []`],
    [
      'as an endpoint',
      `guardrails: { l: { kind: lakera, lakera_endpoint: "https://u:${CANARY}@h/" } }\npolicies: []`,
    ],
    ['as a use', `policies: [{ name: p, guardrails: [{ use: ${CANARY} }] }]`],
    [
      'beside another mistake',
      `guardrails: { l: { kind: lakera, api_key: ${CANARY} } }\npolicies: [{ name: 5 }]`,
    ],
  ])('is in no error when it stands %s', (_name, text) => {
    expect(everything(errorOf(() => snapshotOf(text)))).not.toContain(CANARY)
  })

  it('is in no dump of a snapshot, and is told to the log', () => {
    const snapshot = snapshotOf(FULL_CONFIG, { env: { LAKERA_API_KEY: CANARY } })
    expect(JSON.stringify(snapshot)).not.toContain(CANARY)
    expect(JSON.stringify(snapshot.masked)).toContain('"api_key":"***"')
    expect(secretValuesOf(FULL_CONFIG, { env: { LAKERA_API_KEY: CANARY } })).toEqual([CANARY])
  })

  it('is masked when it stands there itself, in the cache, and in URLs', async () => {
    const text = `
guardrails: { l: { kind: lakera, api_key: ${CANARY} } }
policies: [{ name: p, request_failure_message: "see https://u:${CANARY}@example.com/x" }]
cache: { url: "redis://:${CANARY}@127.0.0.1:1", key: ${CANARY} }
`
    const { masked, close } = snapshotOf(text)
    expect(JSON.stringify(masked)).not.toContain(CANARY)
    expect(new Set(secretValuesOf(text))).toEqual(new Set([CANARY, `redis://:${CANARY}@127.0.0.1:1`]))
    await close()
  })

  it('is resolved in secret keys only', () => {
    const text = 'guardrails: { l: { kind: lakera, api_key: k, project_id: $env://PROJECT } }\npolicies: []'
    const { problems } = errorOf(() => snapshotOf(text, { env: { PROJECT: CANARY } }))
    expect(problems).toEqual([
      { path: 'guardrails.l.project_id', message: 'is not a secret key: a reference cannot stand here' },
    ])
  })
})
