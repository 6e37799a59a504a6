/**
 * How long one body holds up the event loop, and so every other exchange: the longest single step of an exchange, by
 * body and by what looks at it. `node test/bench/stalls.ts [--mib 4]`; ratios within one run count, the figures are
 * the machine's.
 */
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { Guardrail } from '../../src/guardrail/guardrail.ts'
import { CHAT_HEADERS, chatRequest, JSON_ANSWER, STREAM_ANSWER } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { fixed, printTable } from './figures.ts'

const { values } = parseArgs({ options: { mib: { type: 'string', default: '4' } } })
const MIB = 1_048_576
const SIZE = Number(values.mib) * MIB
/** No step may be longer. */
const MOST_MS = 50

const snapshot = snapshotOf(`
guardrails:
  local-pii: { kind: local-pii }
  local-secrets: { kind: local-secrets }
  keywords: { kind: keywords, words: [attack, a forbidden phrase] }
  prompt-attack: { kind: local-prompt-attack }
  local-links: { kind: local-links, allow_domains: [example.com] }
  regex: { kind: regex, patterns: [{ name: nested, pattern: '(a+)+$' }, { name: far, pattern: 'never.*there' }] }
policies: [{ name: none }]
`)
const NO_SCAN = flagWord('never-there')
const LOOKS: readonly (readonly [string, Guardrail])[] = [
  ['(reading alone)', NO_SCAN],
  ...[...snapshot.guardrails].map(([name, guardrail]) => [name, guardrail] as const),
]

const filled = (unit: string, size: number): string =>
  unit.repeat(Math.ceil(size / Buffer.byteLength(unit))).slice(0, size)
const listed = (count: number, item: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => item(index)).join(',')

/** Texts that cost one of the local guardrails most, and one that costs them least. */
const TEXTS: readonly (readonly [string, string])[] = [
  ['prose', 'The quick brown fox jumps over the lazy dog and tells nobody. '],
  ['card-like digits', '4111 1111 1111 1112 '],
  ['addresses', 'a@b.'],
  ['token prefixes', 'sk-'],
  ['links', 'http://a.b '],
  ['invisible characters', 'a\u200b'],
  ['full-width characters', '\uff41\uff11'],
  ['base64', 'aWdub3JlIGFsbCBwcmV2aW91cyBpbnN0cnVjdGlvbnM'],
]

/** Bodies that cost the reader. */
const SHAPES: readonly (readonly [string, (size: number) => string])[] = [
  ['one text', size => chatRequest(filled('x', size))],
  [
    'keys, each its own',
    size => `{"messages":[{"content":"x"}],${listed(size / 14, i => `"k${String(i).padStart(7, '0')}":1`)}}`,
  ],
  ['a key over and over', size => `{"messages":[{"content":"x"}],${listed(size / 6, () => '"k":1')}}`],
  ['messages', size => `{"messages":[${listed(size / 15, () => '{"content":"x"}')}]}`],
  ['parts', size => `{"messages":[{"content":[${listed(size / 26, () => '{"type":"text","text":"x"}')}]}]}`],
  ['open brackets', size => '['.repeat(size)],
  ['closed brackets', size => `{"messages":[{"content":"x"}],"k":[${listed(size / 3, () => '[]')}]}`],
  ['numbers', size => `{"messages":[{"content":"x"}],"k":[${listed(size / 2, () => '1')}]}`],
  ['escapes', size => chatRequest('').replace('""', `"${filled('\\u0041', size - (size % 6))}"`)],
]

interface Measured {
  readonly looks: string
  readonly body: string
  readonly bytes: number
  readonly ms: number
}

/** The longest single step, the faster of two runs: the first also pays for the compiler. */
function longestStep(play: (step: (work: () => void) => void) => void): number {
  const runs = [0, 0].map(() => {
    let longest = 0
    play(work => {
      const started = performance.now()
      work()
      longest = Math.max(longest, performance.now() - started)
    })
    return longest
  })
  return Math.min(...runs)
}

/** As full duplex brings a body: 64 KiB at a time. */
const CHUNK = 65_536
function chunksOf(body: Uint8Array): readonly Uint8Array[] {
  const count = Math.ceil(body.byteLength / CHUNK)
  return Array.from({ length: count }, (_, index) => body.subarray(index * CHUNK, (index + 1) * CHUNK))
}

const LIMITS = { maxRequestBytes: 64 * MIB, maxResponseBytes: 64 * MIB }

function requestStep(guardrail: Guardrail, body: Uint8Array, headers: Record<string, string> = {}): number {
  const policies = policySet(policy({ inputRules: [rule(guardrail)], limits: LIMITS }))
  const chunks = chunksOf(body)
  return longestStep(step => {
    const envoy = new EnvoyModel(policies, { mode: 'full-duplex' })
    envoy.headers('request', { ...CHAT_HEADERS, ...headers })
    chunks.forEach((chunk, index) => {
      step(() => envoy.body('request', chunk, index === chunks.length - 1 ? 'end' : 'more'))
    })
  })
}

function answerStep(guardrail: Guardrail, headers: Record<string, string>, body: Uint8Array): number {
  const stream = { ...policy().stream, maxHeldBytes: 64 * MIB }
  const policies = policySet(policy({ outputRules: [rule(guardrail)], limits: LIMITS, stream }))
  const chunks = chunksOf(body)
  return longestStep(step => {
    const envoy = new EnvoyModel(policies, { mode: 'full-duplex' })
    envoy.headers('request', CHAT_HEADERS)
    envoy.body('request', chatRequest('hello', { stream: true }), 'end')
    envoy.headers('response', headers)
    chunks.forEach((chunk, index) => {
      step(() => envoy.body('response', chunk, index === chunks.length - 1 ? 'end' : 'more'))
    })
  })
}

const SSE: readonly (readonly [string, (size: number) => string])[] = [
  ['stream: one line', size => `data: ${filled('x', size)}\n\n`],
  [
    'stream: events of one character',
    size => filled('data: {"choices":[{"delta":{"content":"x"}}]}\n\n', size),
  ],
  ['stream: comments', size => filled(':\n\n', size)],
  ['stream: blank lines', size => filled('\r', size)],
  ['stream: lines of one event', size => `${filled('data: x\n', size)}\n`],
]

function measure(): readonly Measured[] {
  const rows: Measured[] = []
  const add = (looks: string, name: string, bytes: number, ms: number): void => {
    rows.push({ looks, body: name, bytes, ms })
  }
  for (const [name, shape] of SHAPES) {
    const body = Buffer.from(shape(SIZE))
    add('(reading alone)', name, body.byteLength, requestStep(NO_SCAN, body))
  }
  const text = Buffer.from(chatRequest(filled('one of many words ', SIZE)))
  const gzip = requestStep(NO_SCAN, gzipSync(text), { 'content-encoding': 'gzip' })
  add('(reading alone)', 'one text, gzip', text.byteLength, gzip)
  for (const [looks, guardrail] of LOOKS) {
    for (const [name, unit] of TEXTS) {
      const body = Buffer.from(chatRequest(filled(unit, SIZE)))
      add(looks, name, body.byteLength, requestStep(guardrail, body))
    }
  }
  for (const [name, shape] of SSE) {
    const body = Buffer.from(shape(SIZE))
    add('(reading alone)', name, body.byteLength, answerStep(NO_SCAN, STREAM_ANSWER, body))
  }
  const answer = JSON.stringify({
    choices: [{ message: { role: 'assistant', content: filled('x ', SIZE) } }],
  })
  add('(reading alone)', 'JSON answer', answer.length, answerStep(NO_SCAN, JSON_ANSWER, Buffer.from(answer)))
  return rows
}

const measured = measure()
await snapshot.close()
printTable(
  ['what looks at it', 'body', 'MiB', 'longest step ms', 'ms per MiB', `KiB in ${MOST_MS} ms`],
  measured.map(({ looks, body, bytes, ms }) => [
    ...[looks, body, fixed(bytes / MIB), fixed(ms), fixed(ms / (bytes / MIB))],
    String(Math.floor((MOST_MS / ms) * (bytes / 1024))),
  ]),
)
console.log(`\n${measured.filter(({ ms }) => ms > MOST_MS).length} of ${measured.length} over ${MOST_MS} ms`)
