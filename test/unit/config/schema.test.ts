import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import { guardrailKinds } from '../../../src/guardrail/registry.ts'
import { problemsOf, snapshotOf, sources } from './given.ts'
import { ENV, FULL_CONFIG, SHORT_CONFIG } from './section6.ts'

/** Every kind, as a sentence has them. */
const KINDS = Object.keys(guardrailKinds)
  .join(', ')
  .replace(/, ([^,]+)$/, ' or $1')

const load = (text: string) => loadConfig(text, sources({ env: ENV })).config

describe('a config that holds', () => {
  it('means the same with its defaults written out and left out', () => {
    expect(load(SHORT_CONFIG)).toEqual(load(FULL_CONFIG))
    expect(snapshotOf(SHORT_CONFIG, { env: ENV }).version).toBe(snapshotOf(FULL_CONFIG, { env: ENV }).version)
  })

  it('has exactly these defaults', () => {
    const { policies, server, unmatched } = load(
      'policies: [{ name: p, guardrails: [{ use: g }] }]\nguardrails: { g: { kind: local-pii } }',
    )
    expect({ server, unmatched, policy: policies[0] }).toEqual({
      server: {
        listen: '0.0.0.0:9002',
        admin: '127.0.0.1:9090',
        socket_mode: '0660',
        workers: 1,
        drain_ms: 25_000,
        log: { level: 'info', sample_clean: 1 },
        telemetry: { resource: {}, otlp: {}, traces: {}, metrics: {} },
        console: { access: 'none', hosts: [] },
      },
      unmatched: 'pass',
      policy: {
        name: 'p',
        guardrails: [
          {
            use: 'g',
            action: 'block',
            fail_open: false,
            scan: 'conversation',
            redact: { style: 'replace', restore: false },
            output_context: 'none',
          },
        ],
        stream: {
          delivery: 'withhold',
          heartbeat_ms: 5000,
          max_held_bytes: 1_048_576,
          max_duration_ms: 600_000,
          on_held_limit: 'window',
          hold_back_chars: 64,
          window: { first_chars: 80, growth: 2, max_chars: 2000, context_chars: 500, max_held_ms: 1000 },
        },
        limits: { max_request_bytes: 10_485_760, max_response_bytes: 33_554_432 },
        fail_mode: 'skip',
        deny_code: 200,
        request_failure_message: 'Request blocked by policy',
        response_failure_message: 'Response blocked by policy',
        reveal_failure_categories: false,
        finish_reason: 'auto',
        uninspectable: 'pass',
        canonicalize: false,
        deny_format: 'provider',
      },
    })
  })

  it('may use every key that is built later', () => {
    const { policies, server, cache } = load(`
server: { tls: { cert: c.pem, key: k.pem, client_ca: ca.pem }, max_exchanges: 10, max_bytes: 1000, log: { level: debug } }
guardrails: { g: { kind: local-pii } }
policies:
  - name: p
    guardrails:
      - { use: g, mode: during_call, direction: input, scan: latest_turn, roles: [user, tool], output_context: conversation }
      - { use: g, mode: [pre_call, post_call], action: redact, redact: { style: hash, restore: true, hash_key: k } }
    stream: { delivery: window, headers: on_first_release, on_held_limit: deny, hold_back_chars: 0, window: { first_chars: 2000 } }
    uninspectable: deny
    canonicalize: true
    deny_format: guardrail_violation
formats: [{ path: /mine, format: openai-chat }]
cache: { ttl_ms: 1000 }
`)
    expect(server.tls?.client_ca).toBe('ca.pem')
    expect(policies[0]?.guardrails[1]?.mode).toEqual(['pre_call', 'post_call'])
    expect(cache).toEqual({ ttl_ms: 1000, max_entries: 10_000, allow_plaintext: false })
  })

  it.each([200, 400, 403, 418, 422, 499])('may deny with %i', status => {
    expect(load(`policies: [{ name: p, deny_code: ${status} }]`).policies[0]?.deny_code).toBe(status)
  })

  it.each(['127.0.0.1:0', '[::1]:9002', 'localhost:65535', 'unix:///run/weir.sock'])(
    'may listen on %s',
    address => {
      expect(load(`server: { listen: '${address}' }\npolicies: []`).server.listen).toBe(address)
    },
  )
})

const WITH_G = 'guardrails: { g: { kind: local-pii } }\n'
const inPolicy = (text: string) => `${WITH_G}policies: [{ name: p, ${text} }]`
const inUse = (text: string) => inPolicy(`guardrails: [{ use: g, ${text} }]`)

const STATUSES = 'must be 200, or 400 to 499 except 408, 409, 425, 429: clients retry those'
const DURING_REDACT =
  'must not be redact with mode during_call: the request is gone before the verdict; use pre_call'

describe('a config that does not hold', () => {
  it.each<[string, string, string]>([
    ['no policies', 'unmatched: pass', 'policies: is required and must be a list'],
    ['a list on top', '[1]', ': must be a mapping with policies, not a list'],
    ['a text on top', 'hello', ': must be a mapping with policies, not text'],
    ['an unknown key on top', 'polices: []\npolicies: []', 'polices: unknown key; did you mean policies?'],
    [
      'an unknown key below',
      inPolicy('fail_modes: skip'),
      'policies.0.fail_modes: unknown key; did you mean fail_mode?',
    ],
    [
      'camel case',
      inUse('failOpen: true'),
      'policies.0.guardrails.0.failOpen: unknown key; did you mean fail_open?',
    ],
    ['a key like no other', inPolicy('zzz: 1'), 'policies.0.zzz: unknown key'],
    [
      'two letters swapped',
      inUse('driection: both'),
      'policies.0.guardrails.0.driection: unknown key; did you mean direction?',
    ],
    ['a singular', 'policies: []\npolicy: []', 'policy: unknown key; did you mean policies?'],
    [
      'a key of another place',
      inUse('deny_code: 403'),
      'policies.0.guardrails.0.deny_code: unknown key here; it belongs to policies[]',
    ],
    [
      'a key of a place further down',
      inPolicy('heartbeat_ms: 100'),
      'policies.0.heartbeat_ms: unknown key here; it belongs to policies[].stream',
    ],
    [
      'a text where a mapping belongs',
      inPolicy('guardrails: [g]'),
      'policies.0.guardrails.0: must be a mapping with use, not text',
    ],
    [
      'a time with a unit',
      'guardrails: { g: { kind: lakera, api_key: k, timeout: 2s } }\npolicies: []',
      'guardrails.g.timeout: must be a number, not text: leave out quotes and unit; times are milliseconds, sizes bytes',
    ],
    [
      'a number where a text belongs',
      'guardrails: { g: { kind: lakera, api_key: k, project_id: 7 } }\npolicies: []',
      'guardrails.g.project_id: must be text, not a whole number: put it in quotes',
    ],
    [
      'a port alone',
      'server: { listen: 9002 }\npolicies: []',
      'server.listen: must be host:port or unix:///absolute/path',
    ],
    [
      'a misspelt value',
      inUse('action: blok'),
      'policies.0.guardrails.0.action: did you mean block? It must be block, redact or alert',
    ],
    [
      'a misspelt kind, of which nothing else is said',
      'guardrails: { g: { kind: lakerra, api_key: $env://KEY } }\npolicies: []',
      `guardrails.g.kind: did you mean lakera? It must be ${KINDS}`,
    ],
    [
      'an unknown key of a kind',
      'guardrails: { g: { kind: lakera, api_key: k, projectid: x } }\npolicies: []',
      'guardrails.g.projectid: unknown key; did you mean project_id?',
    ],
    [
      'an unknown kind',
      'guardrails: { g: { kind: nope } }\npolicies: []',
      `guardrails.g.kind: must be ${KINDS}`,
    ],
    ['no kind', 'guardrails: { g: {} }\npolicies: []', `guardrails.g.kind: is required and must be ${KINDS}`],
    [
      'an empty key',
      'guardrails: { g: { kind: lakera, api_key: "" } }\npolicies: []',
      'guardrails.g.api_key: must not be empty',
    ],
    [
      'a pattern that does not compile',
      'guardrails: { g: { kind: regex, patterns: [{ name: n, pattern: "[" }] } }\npolicies: []',
      'guardrails.g.patterns.0.pattern: pattern "n" does not compile',
    ],
    [
      'a name with a blank',
      'guardrails: { "a b": { kind: local-pii } }\npolicies: []',
      'guardrails.a…: a name is 1 to 128 letters',
    ],
    ['an unnamed policy', 'policies: [{}]', 'policies.0.name: is required and must be text'],
    [
      'a use of nothing',
      inPolicy('guardrails: [{ use: q }]'),
      'policies.0.guardrails.0.use: names no guardrail under guardrails',
    ],
    [
      'a misspelt use',
      'guardrails: { lakera: { kind: lakera, api_key: k } }\npolicies: [{ name: p, guardrails: [{ use: lakra }] }]',
      'policies.0.guardrails.0.use: names no guardrail under guardrails; did you mean lakera?',
    ],
    [
      'two policies of one name',
      'policies: [{ name: p, match: { paths: [/a] } }, { name: p }]',
      'policies.1.name: is already the name of policies.0',
    ],
    [
      'two policies without match',
      'policies: [{ name: a }, { name: b }]',
      'policies.1: can never be reached: policies.0 has no match either and takes everything',
    ],
    [
      'an empty match',
      'policies: [{ name: a, match: {} }, { name: b }]',
      'policies.1: can never be reached: policies.0 has no match either and takes everything',
    ],
    [
      'direction and mode',
      inUse('direction: input, mode: pre_call'),
      'policies.0.guardrails.0.direction: excludes mode: leave one of them out',
    ],
    [
      'during_call on output only',
      inUse('direction: output, mode: during_call'),
      'policies.0.guardrails.0.direction: must not be output with mode during_call, which judges the request; use mode post_call',
    ],
    [
      'a format that is not known',
      'policies: []\nformats: [{ path: /mine, format: openai-chta }]',
      'formats.0.format: did you mean openai-chat? It must be ',
    ],
    [
      'a restore of a mask',
      inUse('action: redact, redact: { style: mask, restore: true }'),
      'policies.0.guardrails.0.redact.restore: must not be true with style mask: asterisks do not say what they stand for',
    ],
    [
      'restore of an answer',
      inUse('action: redact, direction: output, redact: { restore: true }'),
      'policies.0.guardrails.0.redact.restore: must not be true on the response alone: nothing of the request is redacted',
    ],
    [
      'during_call that redacts',
      inUse('mode: during_call, action: redact'),
      `policies.0.guardrails.0.action: ${DURING_REDACT}`,
    ],
    [
      'during_call in a list that redacts',
      inUse('mode: [post_call, during_call], action: redact, direction: input'),
      `policies.0.guardrails.0.action: ${DURING_REDACT}`,
    ],
    [
      'an unknown mode',
      inUse('mode: [sometimes]'),
      'policies.0.guardrails.0.mode: must be pre_call, post_call or during_call, or a list of these',
    ],
    [
      'an unknown direction',
      inUse('direction: sideways'),
      'policies.0.guardrails.0.direction: must be input, output or both',
    ],
    [
      'an unknown role',
      inUse('roles: [human]'),
      'policies.0.guardrails.0.roles.0: must be system, developer, user, assistant or tool',
    ],
    [
      'YAML 1.1 booleans',
      inUse('fail_open: yes'),
      'policies.0.guardrails.0.fail_open: must be true or false, not text',
    ],
    [
      'a window that shrinks',
      inPolicy('stream: { window: { first_chars: 3000 } }'),
      'policies.0.stream.window.first_chars: must not be above max_chars (2000)',
    ],
    [
      'a fraction',
      inPolicy('stream: { heartbeat_ms: 0.5 }'),
      'policies.0.stream.heartbeat_ms: must be a whole number, not a fraction',
    ],
    [
      'a duration past the timer',
      inPolicy('stream: { max_duration_ms: 2147483648 }'),
      'policies.0.stream.max_duration_ms: must be at most 2147483647',
    ],
    [
      'no bytes',
      inPolicy('limits: { max_request_bytes: 0 }'),
      'policies.0.limits.max_request_bytes: must be at least 1',
    ],
    ['a key without value', inPolicy('stream: '), 'policies.0.stream: must be a mapping, not empty'],
    [
      'an empty message',
      inPolicy('request_failure_message: ""'),
      'policies.0.request_failure_message: must not be empty',
    ],
    [
      'a host that is a URL',
      inPolicy('match: { hosts: ["http://a"] }'),
      'policies.0.match.hosts.0: must be a host name or *.name',
    ],
    [
      'a star for every host',
      inPolicy('match: { hosts: ["*"] }'),
      'policies.0.match.hosts.0: must be a host name or *.name',
    ],
    ['an empty list of hosts', inPolicy('match: { hosts: [] }'), 'policies.0.match.hosts: must not be empty'],
    [
      'a path without slash',
      inPolicy('match: { paths: [v1] }'),
      'policies.0.match.paths.0: must start with / and hold no query',
    ],
    [
      'a path with query',
      inPolicy('match: { paths: ["/v1?x"] }'),
      'policies.0.match.paths.0: must start with / and hold no query',
    ],
    [
      'a path that never matches',
      inPolicy('match: { paths: [/a/../b] }'),
      'policies.0.match.paths.0: can never match',
    ],
    [
      'a listener without port',
      'server: { listen: localhost }\npolicies: []',
      'server.listen: must be host:port or unix:///absolute/path',
    ],
    [
      'a port too high',
      'server: { admin: "a:65536" }\npolicies: []',
      'server.admin: must be host:port or unix:///absolute/path',
    ],
    [
      'a relative socket',
      'server: { listen: "unix://a" }\npolicies: []',
      'server.listen: must be host:port or unix:///absolute/path',
    ],
    ...['660', '"0999"', '"rw"', '"00660"'].map((mode): [string, string, string] => [
      `socket_mode ${mode}`,
      `server: { socket_mode: ${mode} }\npolicies: []`,
      'server.socket_mode: must be ',
    ]),
    ...[199, 201, 302, 399, 408, 409, 425, 429, 500, 503].map((status): [string, string, string] => [
      `deny_code ${status}`,
      inPolicy(`deny_code: ${status}`),
      `policies.0.deny_code: ${STATUSES}`,
    ]),
  ])('%s', (_name, text, problem) => {
    const problems = problemsOf(text)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
  })

  it('is told every problem at once, of the schema, across keys and of secrets', () => {
    const problems = problemsOf(`
server: { listen: nope }
guardrails: { lakera: { kind: lakera, api_key: $env://MISSING } }
policies:
  - { name: a, deny_code: 500, guardrails: [{ use: other }] }
  - { name: a }
`)
    expect(problems).toEqual([
      'server.listen: must be host:port or unix:///absolute/path',
      `policies.0.deny_code: ${STATUSES}`,
      'policies.1.name: is already the name of policies.0',
      'policies.1: can never be reached: policies.0 has no match either and takes everything',
      'policies.0.guardrails.0.use: names no guardrail under guardrails',
      'guardrails.lakera.api_key: the environment variable MISSING is not set',
    ])
  })

  it.each(['__proto__', 'constructor', 'toString'])(
    'does not take the name %s for something inherited',
    name => {
      expect(problemsOf(inPolicy(`guardrails: [{ use: ${name} }]`))).toEqual([
        'policies.0.guardrails.0.use: names no guardrail under guardrails',
      ])
    },
  )
})
