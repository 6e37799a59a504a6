import { brotliCompressSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ENVOY_MODES, type EnvoyMode } from '../support/bootstrap.ts'
import { chatRequest } from '../support/chat.ts'
import { useStacks } from '../support/evasion.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { sendRaw } from '../support/raw-request.ts'

/** A few rows of requests.test.ts as a client sends them, through an Envoy. */
const WORD = 'attack'
const MIB = 1_048_576
const stacks = useStacks()
const guarded = policySet(
  policy({ name: 'strict', inputRules: [rule(flagWord(WORD))] }),
  policy({ name: 'loose' }),
)

type Expected = 'flagged' | 'failed-closed'
const ROWS: readonly (readonly [string, Expected, Uint8Array, Record<string, string>])[] = [
  ['a bomb in gzip', 'failed-closed', gzipSync(Buffer.alloc(100 * MIB)), { 'content-encoding': 'gzip' }],
  [
    'a bomb in br',
    'failed-closed',
    brotliCompressSync(Buffer.alloc(100 * MIB)),
    { 'content-encoding': 'br' },
  ],
  ['a forged policy', 'flagged', Buffer.from(chatRequest(WORD)), { 'x-weir-policy': 'loose' }],
  ['half a MiB of [', 'failed-closed', Buffer.from('['.repeat(MIB / 2)), {}],
  ['UTF-16', 'failed-closed', Buffer.from(chatRequest(WORD), 'utf16le'), {}],
  ['__proto__', 'flagged', Buffer.from(chatRequest(WORD).replace('{', '{"__proto__":{"polluted":1},')), {}],
  ['odd bytes in a header', 'flagged', Buffer.from(chatRequest(WORD)), { 'x-odd': '\u0080\u00c3\u00ff' }],
  ['50 KiB of headers', 'flagged', Buffer.from(chatRequest(WORD)), { 'x-long': 'v'.repeat(50_000) }],
]

async function expectRefused(
  mode: EnvoyMode,
  why: Expected,
  body: Uint8Array,
  headers: Record<string, string>,
) {
  const stack = stacks.get(mode)!
  stack.use(guarded)
  const before = stack.upstream.requests.length
  const target = '/v1/chat/completions'
  const type = { 'content-type': 'application/json' }
  const refused = await sendRaw(stack.envoy.address, {
    target,
    headers: { ...type, ...headers },
    body: [body],
  })
  expect(refused.headers['x-weir-reason']).toBe(why)
  expect(stack.upstream.requests.length).toBe(before)
  expect(stack.weir.telemetry.faults).toEqual([])
  const next = await sendRaw(stack.envoy.address, { target, headers: type, body: [chatRequest('hello')] })
  expect(next.status).toBe(200)
}

describe.each(ENVOY_MODES)('%s', mode => {
  test.each(ROWS)('%s: %s', (_, why, body, headers) => expectRefused(mode, why, body, headers))

  test('a path of nothing but /model/ passes, and the next request works', async () => {
    const stack = stacks.get(mode)!
    stack.use(guarded)
    const body = [chatRequest(WORD)]
    const odd = await sendRaw(stack.envoy.address, { target: '/model/a'.repeat(1500), body })
    expect(odd.status).toBe(200)
    await expectRefused(mode, 'flagged', Buffer.from(body[0]!), {})
  })
})
