import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { RemoteGuardrail, ScanSubject, Verdict } from '../../../src/guardrail/guardrail.ts'
import { cached } from '../../../src/verdict-cache/cached.ts'
import type { VerdictMemory } from '../../../src/verdict-cache/verdict-lookup.ts'
import { input, output, segment } from '../guardrail/segments.ts'

const never = new AbortController().signal
const digestWith = (secret: string) => (text: string) =>
  createHmac('sha256', secret).update(text).digest('hex')

/** A service that finds nothing and counts how often it is asked. */
function counting(judges?: 'each-text') {
  const asked: ScanSubject[] = []
  const guardrail: RemoteGuardrail = {
    name: 'guard',
    locality: 'remote',
    timeoutMs: 1000,
    judges,
    async scan(subject) {
      asked.push(subject)
      return { kind: 'clean' }
    },
  }
  return { guardrail, asked }
}

function options(changes: { store?: VerdictMemory; configVersion?: string; secret?: string } = {}) {
  const entries = new Map<string, Verdict>()
  const store: VerdictMemory = {
    get: async key => entries.get(key),
    set: (key, verdict) => void entries.set(key, verdict),
  }
  const { secret = 'a key', ...rest } = changes
  return { store, digest: digestWith(secret), configVersion: 'v1', report: () => {}, ...rest }
}

describe('the key', () => {
  const base = input('one', 'two')
  const outputBase: ScanSubject = { ...output('one'), side: 'output', conversation: [], final: false }
  const origin = (exchangeId: string, model?: string) => ({ origin: { exchangeId, model } })
  const one = (change: object): ScanSubject => ({
    side: 'input',
    segments: [{ ...segment('one'), ...change }],
  })

  /** Whether both are one to a guardrail that judges the whole, and to one that judges each text. */
  async function share(first: ScanSubject, second: ScanSubject, judges?: 'each-text'): Promise<boolean> {
    const { guardrail, asked } = counting(judges)
    const guard = cached(guardrail, options())
    await guard.scan(first, never)
    await guard.scan(second, never)
    return asked.length === 1
  }

  test.each<[string, ScanSubject, ScanSubject]>([
    ['the side', input('one'), { ...output('one'), segments: [segment('one')] }],
    ['a text', input('one'), input('One')],
    ['where texts are cut', input('onetwo', ''), input('one', 'two')],
    ['quotes and commas in a text', input('a","b'), input('a', 'b')],
    ['halves of surrogate pairs', input('\ud800'), input('\udbff')],
    ['a half of a surrogate pair and its replacement', input('\ud800'), input('\ufffd')],
    ['the order', base, input('two', 'one')],
    ['the role', one({}), one({ role: 'assistant' })],
    ['the kind', one({}), one({ kind: 'tool-call' })],
    ['the syntax', one({}), one({ syntax: 'json' })],
    ['the message', one({}), one({ message: 3 })],
    ['whether it is final', outputBase, { ...outputBase, final: true }],
    ['the conversation', outputBase, { ...outputBase, conversation: [segment('asked')] }],
    [
      'the border of conversation and answer',
      { ...outputBase, conversation: [segment('a')], segments: [segment('b')] },
      { ...outputBase, conversation: [], segments: [segment('a'), segment('b')] },
    ],
    ['the model', { ...base, ...origin('x', 'small') }, { ...base, ...origin('x', 'large') }],
  ])('tells apart %s', async (_, first, second) => {
    expect(await share(first, second)).toBe(false)
  })

  test('is the same for another exchange, and for another place in the body', async () => {
    expect(await share({ ...base, ...origin('x', 'm') }, { ...base, ...origin('y', 'm') })).toBe(true)
    expect(await share(one({}), one({ path: ['messages', 3] }))).toBe(true)
  })

  test.each<[string, ScanSubject, ScanSubject]>([
    ['the text', one({}), one({ text: 'two' })],
    ['the role', one({}), one({ role: 'assistant' })],
    ['the kind', one({}), one({ kind: 'tool-call' })],
    ['the model', { ...base, ...origin('x', 'small') }, { ...base, ...origin('x', 'large') }],
  ])('of a text by itself tells apart %s', async (_, first, second) => {
    expect(await share(first, second, 'each-text')).toBe(false)
  })

  test('of a text by itself is the same in every message', async () => {
    expect(await share(one({}), one({ message: 3 }), 'each-text')).toBe(true)
  })

  test('hangs on the guardrail, its config and the secret', async () => {
    const { store } = options()
    const { guardrail, asked } = counting()
    const scan = (one: RemoteGuardrail, changes: Parameters<typeof options>[0] = {}) =>
      cached(one, options({ store, ...changes })).scan(base, never)
    await scan(guardrail)
    await scan({ ...guardrail, name: 'other' })
    await scan(guardrail, { configVersion: 'v2' })
    await scan(guardrail, { secret: 'another key' })
    expect(asked).toHaveLength(4)
    await scan(guardrail)
    expect(asked).toHaveLength(4)
  })
})
