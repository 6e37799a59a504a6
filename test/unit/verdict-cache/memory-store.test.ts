import { expect, test } from 'vitest'
import type { Verdict } from '../../../src/guardrail/guardrail.ts'
import { createMemoryStore } from '../../../src/verdict-cache/memory-store.ts'

const CLEAN: Verdict = { kind: 'clean', requestId: 'check' }
const FLAGGED: Verdict = { kind: 'flagged', findings: [{ detector: 'word' }] }
const signal = new AbortController().signal

function store(maxEntries = 10) {
  const time = { nowMs: 1000 }
  const memory = createMemoryStore({ maxEntries, ttlMs: 100, clock: () => time.nowMs })
  return { get: (key: string) => memory.get(key, signal), memory, time }
}

test('gives back what was kept under a key, and nothing under another', async () => {
  const { memory, get } = store()
  memory.set('one', CLEAN)
  memory.set('two', FLAGGED)
  expect(await get('one')).toEqual(CLEAN)
  expect(await get('two')).toEqual(FLAGGED)
  expect(await get('three')).toBeUndefined()
})

test('forgets at the end of its time, however often it was asked', async () => {
  const { memory, get, time } = store()
  memory.set('one', CLEAN)
  time.nowMs += 99
  expect(await get('one')).toEqual(CLEAN)
  time.nowMs += 2
  expect(await get('one')).toBeUndefined()
})

test('forgets first what was not asked for the longest', async () => {
  const { memory, get } = store(2)
  memory.set('one', CLEAN)
  memory.set('two', CLEAN)
  await get('one')
  memory.set('three', CLEAN)
  expect(await get('one')).toEqual(CLEAN)
  expect(await get('two')).toBeUndefined()
})

test('holds nothing once it is closed', async () => {
  const { memory, get } = store()
  memory.set('one', CLEAN)
  await memory.close()
  expect(await get('one')).toBeUndefined()
})
