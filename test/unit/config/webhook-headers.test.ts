import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { renderConfigReference } from '../../../src/config/reference.ts'
import { errorOf, problemsOf, secretValuesOf, snapshotOf } from './given.ts'

const CANARY = 'canary-0c41d7aa9e'
const withHeaders = (headers: string, more = '') =>
  `guardrails: { w: { kind: webhook, dialect: generic, url: "https://guard.example/", headers: { ${headers} }${more} } }\npolicies: []`

describe('headers of a webhook', () => {
  it('may be references, are told to the log, and show nowhere', () => {
    const text = withHeaders(
      `x-api-key: $env://KEY, x-tenant: tenant-${CANARY}, authorization: Bearer ${CANARY}`,
    )
    const snapshot = snapshotOf(text, { env: { KEY: `${CANARY}-1` } })
    expect(JSON.stringify(snapshot.masked)).toContain(
      '"headers":{"x-api-key":"***","x-tenant":"***","authorization":"***"}',
    )
    expect(secretValuesOf(text, { env: { KEY: `${CANARY}-1` } })).toEqual([
      `${CANARY}-1`,
      `tenant-${CANARY}`,
      `Bearer ${CANARY}`,
      // Alone, too: an error could quote the key without its scheme.
      CANARY,
    ])
    expect(inspect(snapshot, { depth: 3 }) + JSON.stringify(snapshot)).not.toContain(CANARY)
  })

  it('leave short plain words to the log', () => {
    expect(secretValuesOf(withHeaders('x-tenant: chat'))).toEqual([])
    expect(secretValuesOf(withHeaders('x-tenant: $env://T'), { env: { T: 'chat' } })).toEqual(['chat'])
  })

  it.each<[string, string, string]>([
    ['a missing variable', 'x-key: $env://NOPE', 'w.headers.x-key: the environment variable NOPE is not set'],
    [
      'an empty file',
      'x-key: $secret://file/empty',
      'w.headers.x-key: the secret file /empty cannot be read',
    ],
    ['an empty text', 'x-key: ""', 'w.headers.x-key: must not be empty'],
    ['a line end', `x-key: "${CANARY}\\r\\nx-evil: y"`, 'w.headers.x-key: the secret holds a line end'],
    ['a number', 'x-key: 7', 'w.headers.x-key: must be text, not a whole number'],
    ['a mapping', `x-key: { a: ${CANARY} }`, 'w.headers.x-key: must be text, not a mapping'],
    ['upper case', 'X-Key: a', 'w.headers.X-Key: must be a header name in lower case'],
    ['a blank in a name', '"x key": a', 'w.headers.x…: must be a header name in lower case'],
    [
      'what Weir writes',
      'content-length: "7"',
      'w.headers.content-length: is a header that Weir writes itself',
    ],
    ['what belongs to the connection', 'transfer-encoding: chunked', 'is a header that Weir writes itself'],
    ['what no client may send', 'upgrade: h2c', 'w.headers.upgrade: is a header that Weir cannot send'],
    ['a coding that is not read', 'accept-encoding: gzip', 'is a header that Weir cannot send'],
  ])('are refused with %s', (_name, headers, problem) => {
    const problems = problemsOf(withHeaders(headers))
    expect(problems).toEqual([expect.stringContaining(problem)])
    expect(
      inspect(
        errorOf(() => snapshotOf(withHeaders(headers))),
        { depth: 9 },
      ),
    ).not.toContain(CANARY)
  })

  it.each([
    ['authorization', ', api_key: k'],
    ['x-guard', ', api_key: k, api_key_header: x-guard'],
  ])('are refused where %s carries api_key already', (header, more) => {
    expect(problemsOf(withHeaders(`${header}: v`, more))).toEqual([
      `guardrails.w.headers.${header}: is the header that carries api_key`,
    ])
    expect(problemsOf(withHeaders(`${header}: v`, more.replace('api_key: k', 'max_chars: 0')))).not.toContain(
      'is the header that carries api_key',
    )
  })

  it('are told as a list, and not as a mapping, with the other problems', () => {
    const text =
      'guardrails: { w: { kind: webhook, dialect: generic, url: "https://g/", headers: [a] } }\npolicies: []'
    expect(problemsOf(text)).toEqual(['guardrails.w.headers: must be a mapping, not a list'])
  })

  it('are the only nested place for a reference', () => {
    const template = `guardrails: { w: { kind: webhook, dialect: template, url: "https://g/", request: { t: "\${text}", k: $env://KEY }, response: { flagged: /f } } }\npolicies: []`
    expect(problemsOf(template, { env: { KEY: CANARY } })).toEqual([
      'guardrails.w.request: takes no reference: the secret belongs into api_key or headers',
    ])
  })

  it('stand in the reference as secrets, and hash_key with them', () => {
    const page = renderConfigReference()
    expect(page).toContain('| `headers.<name>` | secret |')
    expect(page).toContain('| `guardrails[].redact.hash_key` | secret |')
    expect(page).toContain('| `cache.key` | secret |')
  })
})
