import { describe, expect, it } from 'vitest'
import { DEFAULT_CONFIG } from '../../../src/config/default-config.ts'
import type { Rule } from '../../../src/policy/policy.ts'
import { policy } from '../../support/policies.ts'
import { secretValuesOf, snapshotOf } from './given.ts'
import { ENV, FULL_CONFIG } from './section6.ts'

const WITH_G = 'guardrails: { g: { kind: local-pii } }\n'
const withUse = (text: string) =>
  snapshotOf(`${WITH_G}policies: [{ name: p, guardrails: [{ use: g, ${text} }] }]`)
const onlyPolicy = (text: string) => snapshotOf(text, { env: ENV }).policySet.policies[0]

describe('compile', () => {
  it('makes the policies that the config describes', () => {
    const { policySet, guardrails } = snapshotOf(FULL_CONFIG, { env: ENV })
    const redact = { kind: 'replace', restore: false } as const
    const pii: Rule = { guardrail: guardrails.get('pii')!, action: 'redact', failOpen: false, redact }
    const lakera: Rule = { guardrail: guardrails.get('lakera')!, action: 'block', failOpen: false }
    expect([...guardrails.keys()]).toEqual(['lakera', 'pii', 'words'])
    expect(guardrails.get('lakera')).toMatchObject({ locality: 'remote', timeoutMs: 5000 })
    expect(policySet).toEqual({
      unmatched: 'pass',
      formats: [],
      policies: [
        policy({
          name: 'chat',
          match: { hosts: ['api.example.com'], paths: ['/v1/'], routes: ['llm'] },
          inputRules: [pii, lakera],
          outputRules: [pii, lakera],
        }),
      ],
    })
  })

  it.each<[string, string]>([
    ['action: block', 'input'],
    ['direction: input', 'input'],
    ['direction: output', 'output'],
    ['direction: both', 'input output'],
    ['mode: pre_call', 'input'],
    ['mode: post_call', 'output'],
    ['mode: [pre_call, post_call]', 'input output'],
    ['mode: during_call', 'parallel output'],
    ['mode: [during_call]', 'parallel output'],
    ['mode: during_call, direction: both', 'parallel output'],
    ['mode: during_call, direction: input', 'parallel'],
    ['mode: [during_call, post_call], direction: input', 'parallel output'],
    ['mode: [pre_call, during_call]', 'input output'],
  ])('%s judges %s', (text, sides) => {
    const [compiled] = withUse(text).policySet.policies
    const { inputRules, parallelRules, outputRules } = compiled!
    const judged = { input: inputRules, parallel: parallelRules, output: outputRules }
    expect(
      Object.entries(judged)
        .flatMap(([side, rules]) => rules.map(() => side))
        .join(' '),
    ).toBe(sides)
  })

  it.each<[string, unknown]>([
    ['scan: conversation', undefined],
    ['scan: latest_turn', { scan: 'latest_turn', roles: undefined }],
    ['roles: [user, tool]', { scan: 'conversation', roles: new Set(['user', 'tool']) }],
  ])('%s is the view of its rule', (text, view) => {
    expect(withUse(text).policySet.policies[0]?.inputRules[0]?.view).toEqual(view)
  })

  it('hashes with the key of the config, or one of its own', () => {
    const digestOf = (redact: string): string | undefined => {
      const use = withUse(`action: redact, redact: { style: hash${redact} }`)
      const style = use.policySet.policies[0]?.inputRules[0]?.redact
      return style?.kind === 'hash' ? style.digest('a@b.c') : undefined
    }
    expect(digestOf(', hash_key: one')).toMatch(/^[0-9a-f]{12}$/)
    expect(digestOf(', hash_key: one')).toBe(digestOf(', hash_key: one'))
    expect(digestOf(', hash_key: two')).not.toBe(digestOf(', hash_key: one'))
    expect(digestOf('')).toBe(digestOf(''))
  })

  it('keeps the key of a hash among the secrets', () => {
    const text = `${WITH_G}policies: [{ name: p, guardrails: [{ use: g, action: redact, redact: { style: hash, hash_key: $env://HASH_KEY } }] }]`
    const given = { env: { HASH_KEY: 'a-key-of-a-hash' } }
    expect(secretValuesOf(text, given)).toContain('a-key-of-a-hash')
    expect(JSON.stringify(snapshotOf(text, given).masked)).not.toContain('HASH_KEY')
  })

  it('compares hosts without case, port and closing dot', () => {
    const text =
      'policies: [{ name: p, match: { hosts: ["API.Example.com:8443", "*.Example.com.", "[::1]:80"] } }]'
    expect(onlyPolicy(text)?.match?.hosts).toEqual(['api.example.com', '*.example.com', '[::1]'])
  })

  it("gives paths of the operator's own to their formats", () => {
    const { policySet } = snapshotOf('policies: []\nformats: [{ path: /gw/llm, format: openai-chat }]')
    expect(policySet.formats).toMatchObject([{ path: '/gw/llm', format: { name: 'openai-chat' } }])
  })

  it('keeps rules in the order of the file', () => {
    const text = `
guardrails: { r: { kind: lakera, api_key: k }, l: { kind: local-pii }, k: { kind: keywords, words: [a] } }
policies: [{ name: p, guardrails: [{ use: r }, { use: l }, { use: k }] }]`
    expect(onlyPolicy(text)?.inputRules.map(rule => rule.guardrail.name)).toEqual(['r', 'l', 'k'])
  })
})

describe('the version', () => {
  const versionOf = (text: string, env: Record<string, string> = ENV) => snapshotOf(text, { env }).version

  it('changes with the config, not with a key, nor with the order of keys', () => {
    const version = versionOf(FULL_CONFIG)
    expect(version).toMatch(/^[0-9a-f]{12}$/)
    expect(versionOf(FULL_CONFIG, { LAKERA_API_KEY: 'rotated-key-0002' })).toBe(version)
    expect(versionOf(`unmatched: pass\n${FULL_CONFIG.replace('unmatched: pass', '')}`)).toBe(version)
    expect(versionOf(FULL_CONFIG.replace('deny_code: 200', 'deny_code: 403'))).not.toBe(version)
  })
})

describe('warnings', () => {
  const ALERT =
    'policy p: guardrail g: action alert with fail_open false holds event streams back: a failure of the guardrail denies'

  it.each<[string, readonly string[]]>([
    ['action: alert, direction: both', [ALERT]],
    ['action: alert, direction: output, fail_open: true', []],
    ['action: alert', []],
    ['action: block, direction: both', []],
    ['mode: during_call', []],
    [
      'mode: [pre_call, during_call]',
      ['policy p: guardrail g: mode during_call adds nothing on the request beside pre_call'],
    ],
    ['scan: latest_turn', []],
    ['roles: [user]', []],
    [
      'roles: [user], direction: output',
      ['policy p: guardrail g: scan and roles have no effect on a response'],
    ],
    ['action: redact', []],
    ['action: redact, redact: { style: mask }', []],
    ['action: redact, redact: { restore: true }', []],
    [
      'action: redact, redact: { hash_key: k }',
      ['policy p: guardrail g: redact.hash_key has no effect without style hash'],
    ],
    ['redact: { style: mask }', ['policy p: guardrail g: redact has no effect without action redact']],
    ['action: redact, direction: both', []],
    ['output_context: conversation, direction: output', []],
    ['output_context: conversation', ['policy p: guardrail g: output_context has no effect on a request']],
  ])('of a use with %s', (text, warnings) => {
    expect(withUse(text).warnings).toEqual(warnings)
  })

  it.each<[string, string]>([
    ['policies: []', 'there is no policy: nothing is guarded'],
    [
      'policies: [{ name: p, match: { paths: [/a/, "/v1/*"] } }]',
      'policy p: match.paths.1 ends in *, which stands for itself and fits next to nothing: leave it out, paths are prefixes',
    ],
    ['policies: [{ name: p }]', 'policy p: has no guardrails: its traffic passes unscanned'],
    [`${WITH_G}policies: []`, 'guardrail g: no policy uses it'],
    [
      'guardrails: { l: { kind: lakera, api_key: k, ssl_verify: false } }\npolicies: []',
      'guardrail l: ssl_verify is false',
    ],
    [
      `guardrails: { b: { kind: bedrock, region: eu-west-1, guardrail_id: g1, guardrail_version: '1', api_key: k, grounding: conversation } }\npolicies: [{ name: p, guardrails: [{ use: b, direction: both }] }]`,
      'policy p: guardrail b: grounding has no effect without output_context: conversation',
    ],
    [
      'policies: [{ name: a }, { name: b, match: { paths: [/] } }]',
      'policy b: stands after a, which takes everything; only x-weir-policy reaches it',
    ],
  ])('of %s', (text, warning) => {
    expect(snapshotOf(text).warnings).toContainEqual(expect.stringContaining(warning))
  })

  it('keep delivery as it is configured', () => {
    expect(onlyPolicy('policies: [{ name: p, stream: { delivery: window } }]')?.stream.delivery).toBe(
      'window',
    )
  })
})

describe('the embedded config', () => {
  it('runs on local guardrails only, on loopback only', () => {
    const { guardrails, policySet, server } = snapshotOf(DEFAULT_CONFIG)
    expect([...guardrails.values()].map(({ locality }) => locality)).toEqual(['local', 'local'])
    expect(server).toMatchObject({ listen: '127.0.0.1:9002', admin: '127.0.0.1:9090' })
    const [policy] = policySet.policies
    expect(policySet.policies).toHaveLength(1)
    expect(policy?.match).toBeUndefined()
    expect(policy?.inputRules.map(rule => [rule.guardrail.name, rule.action])).toEqual([
      ['pii', 'redact'],
      ['prompt-attack', 'block'],
    ])
    expect(policy?.outputRules.map(rule => [rule.guardrail.name, rule.action])).toEqual([['pii', 'redact']])
  })
})
