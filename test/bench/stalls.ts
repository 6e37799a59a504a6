/**
 * How long one body holds up the event loop, and so every other exchange: the longest turn of it while an exchange is
 * served, by body and by what looks at it. `node test/bench/stalls.ts [--mib 4] [--only TEXT]`; ratios within one run
 * count, the figures are the machine's.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Guardrail } from '../../src/guardrail/guardrail.ts'
import { runStage, scanAtOnce } from '../../src/guardrail/run-stage.ts'
import { isFinal } from '../../src/policy/decide.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ThreadReader } from '../../src/reading/thread-reader.ts'
import { CHAT_HEADERS, chatRequest, JSON_ANSWER, STREAM_ANSWER } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { EnvoyModel } from '../support/envoy-model.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { fixed, printTable } from './figures.ts'
import {
  ANSWERS,
  DIGITS,
  filled,
  listed,
  OTHER_STREAMS,
  REWRITTEN,
  SHAPES,
  SSE,
  TEXTS,
} from './stall-bodies.ts'

const { values } = parseArgs({
  options: { mib: { type: 'string', default: '4' }, only: { type: 'string', default: '' } },
})
const MIB = 1_048_576
const SIZE = Number(values.mib) * MIB
/** No turn may be longer. */
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
/** As it is served: its thread is not counted, what is handed to it and comes back is. */
const reader = new ThreadReader(error => {
  throw error
})
const CODERS = [
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
] as const
const NO_SCAN = flagWord('never-there')
const READING = ['(reading alone)', [NO_SCAN]] as const
const LOOKS: readonly (readonly [string, readonly Guardrail[]])[] = [
  READING,
  ...[...snapshot.guardrails].map(([name, guardrail]) => [name, [guardrail]] as const),
  ['(all of them)', [...snapshot.guardrails.values()]],
]

interface Measured {
  readonly looks: string
  readonly body: string
  readonly bytes: number
  readonly ms: number
}

const RUNS = 3

/** Of this thread: what else the machine does is no turn of ours. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** The longest turn, the least of some runs, of which the first also pays for the compiler. */
async function longestTurn(play: () => Promise<void>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < RUNS; run++) {
    let longest = 0
    let isOver = false
    let last = cpuMs()
    const tick = (): void => {
      const now = cpuMs()
      longest = Math.max(longest, now - last)
      last = now
      if (!isOver) setImmediate(tick)
    }
    setImmediate(tick)
    await play()
    await nextTurn()
    isOver = true
    await nextTurn()
    least = Math.min(least, longest)
  }
  return least
}

/** Has what was asked for done as a call has it done, and what that leads to. */
async function runAll(envoy: EnvoyModel): Promise<void> {
  while (envoy.reads.length + envoy.scans.length > 0) {
    await runReads(envoy)
    await runScans(envoy)
  }
}

async function runReads(envoy: EnvoyModel): Promise<void> {
  for (let next = envoy.reads[0]; next !== undefined; next = envoy.reads[0]) {
    const { job } = next
    await new Promise<void>(resolve => {
      reader.read(job, result => {
        envoy.answerRead(result)
        resolve()
      })
    })
  }
}

/** Has the scans that were asked for run as a call runs them, those that they lead to, and the turns that a stream needs. */
async function runScans(envoy: EnvoyModel): Promise<void> {
  for (let effect = envoy.scans.shift(); effect !== undefined; effect = envoy.scans.shift()) {
    const { scan, rules, subject } = effect
    const task = { guardrails: rules.map(rule => rule.guardrail), subject, clock: () => performance.now() }
    const outcomes =
      scanAtOnce(task) ??
      (await runStage({
        ...task,
        stop: new AbortController(),
        isFinal: (index, outcome) => isFinal({ rule: rules[index]!, outcome }),
      }))
    const known = outcomes.map((outcome, index) => ({ rule: rules[index]!, outcome }))
    envoy.step({ kind: 'scan-end', scan, outcomes: known })
  }
  while (envoy.turnsOwed > 0) {
    await nextTurn()
    envoy.goOn()
  }
  if (envoy.scans.length > 0) await runScans(envoy)
}

/** As full duplex brings a body: 64 KiB at a time. */
const CHUNK = 65_536
function chunksOf(body: Uint8Array): readonly Uint8Array[] {
  const count = Math.ceil(body.byteLength / CHUNK)
  return Array.from({ length: count }, (_, index) => body.subarray(index * CHUNK, (index + 1) * CHUNK))
}

const LIMITS = { maxRequestBytes: 64 * MIB, maxResponseBytes: 64 * MIB }

async function feed(envoy: EnvoyModel, side: 'request' | 'response', body: Uint8Array): Promise<void> {
  const chunks = chunksOf(body)
  for (const [index, chunk] of chunks.entries()) {
    await nextTurn()
    envoy.body(side, chunk, index === chunks.length - 1 ? 'end' : 'more')
    await runAll(envoy)
  }
}

function requestTurn(
  guardrails: readonly Guardrail[],
  body: Uint8Array,
  headers: Record<string, string> = {},
  more: Partial<Policy> = {},
): Promise<number> {
  const inputRules = guardrails.map(guardrail => rule(guardrail))
  const policies = policySet(policy({ inputRules, limits: LIMITS, ...more }))
  return longestTurn(async () => {
    const envoy = new EnvoyModel(policies, { mode: 'full-duplex', localScans: 'late' })
    envoy.holdsReads = true
    envoy.headers('request', { ...CHAT_HEADERS, ...headers })
    await feed(envoy, 'request', body)
  })
}

function answerTurn(
  guardrails: readonly Guardrail[],
  headers: Record<string, string>,
  body: Uint8Array,
  path: string = CHAT_HEADERS[':path'],
): Promise<number> {
  const stream = { ...policy().stream, maxHeldBytes: 64 * MIB }
  const outputRules = guardrails.map(guardrail => rule(guardrail))
  const policies = policySet(policy({ outputRules, limits: LIMITS, stream }))
  return longestTurn(async () => {
    const envoy = new EnvoyModel(policies, { mode: 'full-duplex', localScans: 'late' })
    envoy.holdsReads = true
    envoy.headers('request', { ...CHAT_HEADERS, ':path': path })
    envoy.body('request', chatRequest('hello', { stream: true }), 'end')
    envoy.headers('response', headers)
    await feed(envoy, 'response', body)
  })
}

async function measure(): Promise<readonly Measured[]> {
  const rows: Measured[] = []
  const add = async (looks: string, name: string, bytes: number, measured: () => Promise<number>) => {
    if (`${looks} ${name}`.includes(values.only)) {
      rows.push({ looks, body: name, bytes, ms: await measured() })
    }
  }
  const [reading, none] = READING
  const request = (
    looks: string,
    name: string,
    body: Uint8Array,
    ...rest: [Record<string, string>?, Partial<Policy>?]
  ) => add(looks, name, body.byteLength, () => requestTurn(none, body, ...rest))
  for (const [name, shape] of SHAPES) await request(reading, name, Buffer.from(shape(SIZE)))
  for (const [name, shape] of SHAPES.filter(([known]) => REWRITTEN.has(known))) {
    const body = Buffer.from(shape(SIZE))
    await request('(redacting)', name, body, {}, { inputRules: [rule(flagWord('x'), 'redact')] })
    await request('(canonical)', name, body, {}, { canonicalize: true })
  }
  const text = Buffer.from(chatRequest(filled('one of many words ', SIZE)))
  const blank = Buffer.from(chatRequest(filled(' ', SIZE)))
  for (const [coding, encode] of CODERS) {
    const headers = { 'content-encoding': coding }
    await request(reading, `one text, ${coding}`, encode(text), headers)
    await request(reading, `a bomb, ${coding}`, encode(blank), headers)
    const redacts = { inputRules: [rule(flagWord('words'), 'redact')] }
    await request('(redacting)', `one text, ${coding}`, encode(text), headers, redacts)
  }
  for (const [looks, guardrails] of LOOKS) {
    for (const [name, unit] of TEXTS) {
      const body = Buffer.from(chatRequest(filled(unit, SIZE)))
      await add(looks, name, body.byteLength, () => requestTurn(guardrails, body))
    }
    const many = Buffer.from(
      `{"messages":[${listed(SIZE / 40, () => '{"content":"4111 1111 1111 1112 x"}')}]}`,
    )
    await add(looks, 'many messages', many.byteLength, () => requestTurn(guardrails, many))
    const event = Buffer.from(`data: {"choices":[{"delta":{"content":"${filled(DIGITS, SIZE)}"}}]}\n\n`)
    await add(looks, 'stream: one text, digits', event.byteLength, () =>
      answerTurn(guardrails, STREAM_ANSWER, event),
    )
  }
  const answerOf = (name: string, type: Record<string, string>, body: Uint8Array, path?: string) =>
    add(reading, name, body.byteLength, () => answerTurn(none, type, body, path))
  for (const [name, shape] of SSE) await answerOf(name, STREAM_ANSWER, Buffer.from(shape(SIZE)))
  for (const [name, path, type, shape] of OTHER_STREAMS) {
    await answerOf(name, { ':status': '200', 'content-type': type }, shape(SIZE), path)
  }
  for (const [name, shape] of ANSWERS) await answerOf(name, JSON_ANSWER, Buffer.from(shape(SIZE)))
  const answer = JSON.stringify({
    choices: [{ message: { role: 'assistant', content: filled('x ', SIZE) } }],
  })
  await add(reading, 'JSON answer', answer.length, () => answerTurn(none, JSON_ANSWER, Buffer.from(answer)))
  return rows
}

const measured = await measure()
await snapshot.close()
await reader.close()
printTable(
  ['what looks at it', 'body', 'MiB', 'longest turn, CPU ms', 'ms per MiB', `KiB in ${MOST_MS} ms`],
  measured.map(({ looks, body, bytes, ms }) => [
    ...[looks, body, fixed(bytes / MIB), fixed(ms), fixed(ms / (bytes / MIB))],
    String(Math.floor((MOST_MS / ms) * (bytes / 1024))),
  ]),
)
console.log(`\n${measured.filter(({ ms }) => ms > MOST_MS).length} of ${measured.length} over ${MOST_MS} ms`)
