import fc from 'fast-check'
import { stringify } from 'yaml'
import { compile } from '../../src/config/compile.ts'
import { type ConfigSources, loadConfig, referencesIn } from '../../src/config/load.ts'
import { parseReference } from '../../src/config/secret-reference.ts'
import { checkValue, resolveSecret } from '../../src/config/secrets.ts'
import { WeirError } from '../../src/errors.ts'
import { createHttpClient } from '../../src/service/http-client.ts'
import { openVerdictCaches } from '../../src/verdict-cache/verdict-caches.ts'
import { guardrailDeps } from '../support/guard-http.ts'
import { anyBytes, nearly } from './bytes.ts'
import { must, orRefused } from './require.ts'
import { fuzzTarget } from './target.ts'

const BASE = {
  server: { listen: '127.0.0.1:0', log: { level: 'info' } },
  guardrails: {
    words: { kind: 'keywords', words: ['a', 'b'] },
    lakera: { kind: 'lakera', api_key: '$env://KEY', timeout: 100, retry: { attempts: 2 } },
    hook: { kind: 'webhook', url: 'https://h.example/', headers: { 'x-key': '$secret://file/none' } },
    rx: { kind: 'regex', patterns: [{ name: 'n', pattern: 'a+b', flags: 'i' }] },
    pii: { kind: 'local-pii' },
  },
  policies: [
    {
      name: 'p',
      match: { hosts: ['*.example.com'], paths: ['/v1'] },
      guardrails: [
        { use: 'words', direction: 'both' },
        { use: 'lakera', mode: ['pre_call', 'post_call'] },
      ],
      stream: { delivery: 'window', window: { first_chars: 80 } },
      limits: { max_request_bytes: 1000 },
      deny_code: 403,
    },
  ],
  formats: [{ path: '/own', format: 'openai-chat' }],
}
const KEYS = [
  ...[
    'kind',
    'use',
    'name',
    'mode',
    'direction',
    'action',
    'redact',
    'style',
    'hash_key',
    'roles',
    'cache',
    'url',
  ],
  ...[
    'headers',
    'window',
    'match',
    'hosts',
    'retry',
    'api_key',
    'patterns',
    'words',
    'entities',
    'tls',
    'ttl_ms',
  ],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', '', '0', 'a.b', 'é'],
]
const key = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...KEYS) }, fc.string({ maxLength: 6 }))
const VALUES = [
  ...['words', 'lakera', 'keywords', 'local-pii', 'block', 'redact', 'both', 'during_call', 'hash', 'window'],
  ...[
    '$env://KEY',
    '$env://NONE',
    '$env://',
    '$secret://file/x',
    '$secret://vault/a/b/c',
    '$x://y',
    'redis://h',
  ],
  ...['(a+)+$', '(', '\\1', '*.x', '/a/../b', 'http://[', '127.0.0.1:99999', '\ud800', '\0'],
]
const value: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom(...VALUES, null, true, false, 0, -1, 1, 1e21, 0.5, Number.NaN),
    fc.string({ maxLength: 6 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 3 }).map(pairs => Object.fromEntries(pairs)),
  ),
})).value

const edit = fc.record({
  path: fc.array(fc.nat(8), { maxLength: 5 }),
  key,
  value,
  how: fc.constantFrom('set', 'add', 'drop'),
})
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never

/** The config with one place of it set, added to or dropped; the path takes children by their number. */
function edited(node: unknown, { path, key, value, how }: Edit, depth = 0): unknown {
  if (typeof node !== 'object' || node === null) return value
  const entries = Object.entries(node)
  const at = entries.length === 0 ? 0 : (path[depth] ?? 0) % entries.length
  const isLast = depth >= path.length - 1 || entries.length === 0
  if (isLast && how === 'add') entries.push([key, value])
  else if (isLast && how === 'drop') entries.splice(at, 1)
  else if (isLast) entries[at] = [entries[at]?.[0] ?? key, value]
  else entries[at] = [entries[at]![0], edited(entries[at]![1], { path, key, value, how }, depth + 1)]
  return Array.isArray(node) ? entries.map(([, child]) => child) : Object.fromEntries(entries)
}

const YAML_PIECES = [
  'a',
  ': ',
  '\n',
  '  ',
  '- ',
  '&x ',
  '*x',
  '<<: ',
  '{',
  '}',
  '[',
  ']',
  '!!js ',
  '|\n',
  "'",
  '"',
  '---\n',
  '#',
  '\t',
  '? ',
]
const yaml = fc.array(fc.constantFrom(...YAML_PIECES), { maxLength: 16 }).map(parts => parts.join(''))
const tree = fc
  .array(edit, { maxLength: 3 })
  .map(edits => edits.reduce<unknown>((node, one) => edited(node, one), BASE))
const text = fc.oneof(
  { weight: 5, arbitrary: tree.map(one => stringify(one)) },
  { weight: 2, arbitrary: tree.map(one => JSON.stringify(one)) },
  { weight: 1, arbitrary: value.map(one => JSON.stringify(one) ?? '') },
  { weight: 2, arbitrary: yaml },
  { weight: 2, arbitrary: nearly(fc.constant(Buffer.from(stringify(BASE)))).map(bytes => bytes.toString()) },
  { weight: 1, arbitrary: anyBytes(30).map(bytes => bytes.toString()) },
)

const noFile = (path: string): never => {
  throw Object.assign(new Error(path), { code: 'ENOENT' })
}
const SOURCES: ConfigSources = {
  env: { KEY: 'k'.repeat(20), EMPTY: '', ODD: 'a\nb' },
  readFile: noFile,
  readList: noFile,
}
const http = createHttpClient()
const deps = {
  guardrails: guardrailDeps(http.connect),
  caches: openVerdictCaches(() => {}),
  close: () => Promise.resolve(),
}

function isRefused(result: unknown): boolean {
  if (!(result instanceof WeirError)) return false
  must(result.problems.length > 0, 'a config that is refused without a word')
  for (const { path, message } of result.problems)
    must(typeof path === 'string' && message !== '', 'an empty problem')
  return true
}

/** Any text is a config, or is refused with every problem named. */
export const config = fuzzTarget('config', 50, text, given => {
  orRefused('bad-config', () => referencesIn(given))
  const loaded = orRefused('bad-config', () => loadConfig(given, SOURCES))
  if (isRefused(loaded) || loaded instanceof WeirError) return
  isRefused(orRefused('bad-config', () => compile(loaded, deps)))
  must(
    Reflect.get({}, 'polluted') === undefined && Object.keys(Object.prototype).length === 0,
    'a prototype was changed',
  )
})

const SECRET_PIECES = [
  '$',
  'env',
  'secret',
  '://',
  '/',
  'file',
  'vault',
  'KEY',
  'EMPTY',
  'ODD',
  '..',
  '.',
  '\0',
  '\n',
  ' ',
  'é',
  '\ud800',
]
const secret = fc.oneof(
  fc.array(fc.constantFrom(...SECRET_PIECES), { maxLength: 9 }).map(parts => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

/** Any text is a secret or a reference to one, or a problem that does not tell it. */
export const secrets = fuzzTarget('secrets', 500, secret, given => {
  parseReference(given)
  const resolution = resolveSecret(given, SOURCES)
  if (resolution.kind === 'value') {
    must(/^[\x20-\x7e]+$/.test(resolution.value), 'a secret that no header can carry')
    must(checkValue(resolution.value).kind === 'value', 'a secret that is none when it is looked at again')
  } else must(!resolution.message.includes('a\nb'), 'a problem that tells the value')
})
