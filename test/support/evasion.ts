import type { OutgoingHttpHeaders } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assertNever } from '../../src/errors.ts'
import { ENVOY_MODES, type EnvoyMode } from './bootstrap.ts'
import { CHAT_HEADERS } from './chat.ts'
import { flagWord, policy, policySet, rule } from './policies.ts'
import { type RawAnswer, type RawRequest, sendRaw } from './raw-request.ts'
import { type Stack, startStack } from './stack.ts'

/** What the guardrail looks for, and a word as long that it does not mind. */
export const WORD = 'attack'
const HARMLESS = 'gentle'

/**
 * What becomes of a request with the word in it:
 * `seen`: the guard found it. Without the word the same request goes on byte for byte.
 * 400, 413, 415: nobody can say what it means; refused in the API's words, with the word or without.
 * `unsupported`: no upstream of the API takes it for a request of that API; it passes, counted.
 * `envoy`: Envoy refuses it by itself.
 */
export type Outcome = 'seen' | 400 | 413 | 415 | 'unsupported' | 'envoy'

/** How the request looks, and why that is its outcome. */
export type Row = readonly [
  looks: string,
  outcome: Outcome,
  why: string,
  request: (word: string) => RawRequest,
]

export type Api = 'openai' | 'anthropic' | 'gemini' | 'gemini-array' | 'bedrock' | 'ollama' | 'cohere'

export const MAX_REQUEST_BYTES = 65_536
const guarding = policySet(
  policy({
    inputRules: [rule(flagWord(WORD))],
    limits: { maxRequestBytes: MAX_REQUEST_BYTES, maxResponseBytes: 65_536 },
  }),
)

/** A row of the chat API that is told by its body. */
export function saying(
  looks: string,
  outcome: Outcome,
  why: string,
  body: (word: string) => string | Uint8Array,
  headers: OutgoingHttpHeaders = {},
): Row {
  const type = { 'content-type': 'application/json' }
  const target = CHAT_HEADERS[':path']
  return [looks, outcome, why, word => ({ target, headers: { ...type, ...headers }, body: [body(word)] })]
}

/** A stack of each mode for the file's tests. */
export function useStacks(): ReadonlyMap<EnvoyMode, Stack> {
  const stacks = new Map<EnvoyMode, Stack>()
  beforeAll(async () => {
    for (const mode of ENVOY_MODES) stacks.set(mode, await startStack(mode))
  })
  afterAll(() => Promise.all([...stacks.values()].map(stack => stack.stop())))
  return stacks
}

/** Tests every row of every table in every mode, and in the end that nothing was only late. */
export function testTables(stacks: ReadonlyMap<EnvoyMode, Stack>, tables: Record<string, ApiRows>): void {
  describe.each(ENVOY_MODES)('%s', mode => {
    describe.each(Object.entries(tables))('%s', (_, { api, rows }) => {
      test.each(rows)('%s: %s, for %s', (_, outcome, __, request) =>
        expectOutcome(stacks.get(mode)!, api, outcome, request),
      )
    })
    test('nothing came late', () => {
      const rows = Object.values(tables).flatMap(table => table.rows)
      const passing = rows.filter(
        ([, outcome, , request]) => outcome === 'unsupported' && request(WORD).body.join('').includes(WORD),
      )
      const arrived = stacks.get(mode)!.upstream.requests.filter(({ body }) => body.includes(WORD))
      expect(arrived.length).toBe(passing.length)
    })
  })
}

export interface ApiRows {
  readonly api: Api
  readonly rows: readonly Row[]
}

/** Sends a row's request, with the word and without it, and checks what became of both. */
export async function expectOutcome(
  stack: Stack,
  api: Api,
  outcome: Outcome,
  request: (word: string) => RawRequest,
): Promise<void> {
  const flagged = await exchange(stack, request(WORD))
  const { status, headers } = flagged.answer
  if (outcome === 'unsupported') {
    expectForwarded(flagged)
    expect(flagged.counts).toContain('unsupported')
    return
  }
  // All modes hold a request until its verdict: STREAMED here is about the response.
  expect(flagged.arrived).toHaveLength(0)
  if (outcome === 'envoy') expect([status, headers['x-weir-reason']]).toEqual([400, undefined])
  else if (outcome === 'seen') {
    expect([headers['x-weir-reason'], status < 300 || status === 403]).toEqual(['flagged', true])
    const harmless = await exchange(stack, request(HARMLESS))
    expectForwarded(harmless)
    expect(harmless.counts).not.toContain('unsupported')
  } else {
    expect([status, headers['x-weir-reason']]).toEqual([outcome, 'failed-closed'])
    expect(JSON.parse(flagged.answer.body.toString())).toMatchObject(errorObject(api))
  }
}

interface Exchanged {
  readonly answer: RawAnswer
  readonly sent: Buffer
  readonly arrived: readonly Stack['upstream']['requests'][number][]
  readonly counts: readonly string[]
}

async function exchange(stack: Stack, request: RawRequest): Promise<Exchanged> {
  stack.use(guarding)
  const count = stack.upstream.requests.length
  const answer = await sendRaw(stack.envoy.address, request)
  const arrived = stack.upstream.requests.slice(count)
  const bytes = request.body.flatMap(piece => (typeof piece === 'function' ? [] : [Buffer.from(piece)]))
  return {
    answer,
    sent: Buffer.concat(bytes),
    arrived,
    counts: [...stack.weir.telemetry.counts],
  }
}

function expectForwarded({ answer, arrived, sent }: Exchanged): void {
  expect({ status: answer.status, body: answer.body.toString() }).toEqual({ status: 200, body: '{}' })
  expect(arrived.map(({ body }) => body.equals(sent))).toEqual([true])
}

/** What an API's clients read of an error. */
function errorObject(api: Api): object {
  const message = expect.stringMatching(/^The request body/)
  switch (api) {
    case 'openai':
      return { error: { message, type: 'invalid_request_error', param: null } }
    case 'anthropic':
      return { type: 'error', error: { type: expect.any(String), message } }
    case 'gemini':
      return { error: { code: expect.any(Number), message, status: 'INVALID_ARGUMENT' } }
    case 'gemini-array':
      return [{ error: { code: expect.any(Number), message, status: 'INVALID_ARGUMENT' } }]
    case 'bedrock':
    case 'cohere':
      return { message }
    case 'ollama':
      return { error: message }
    default:
      return assertNever(api)
  }
}
