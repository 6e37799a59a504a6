import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Verdict } from '../../../src/guardrail/guardrail.ts'
import {
  openVerdictCaches,
  type VerdictCacheSettings,
  type VerdictCaches,
} from '../../../src/verdict-cache/verdict-caches.ts'
import { type StateWatch, watchState } from '../../cache/state-watch.ts'
import { type CacheListener, startCacheListener } from '../../support/cache-listener.ts'

const CLEAN: Verdict = { kind: 'clean' }
const signal = new AbortController().signal
const MEMORY: VerdictCacheSettings = {
  url: undefined,
  allowPlaintext: false,
  key: '0123456789abcdef',
  ttlMs: 60_000,
  maxEntries: 10,
}

describe('caches in memory', () => {
  test('are one for the same settings, until the last holder gives it back', async () => {
    const caches = openVerdictCaches(() => {})
    const first = caches.open(MEMORY)
    const second = caches.open(MEMORY)
    first.store.set('a', CLEAN)
    expect(await second.store.get('a', signal)).toEqual(CLEAN)
    await first.close()
    await first.close()
    expect(await second.store.get('a', signal)).toEqual(CLEAN)
    await second.close()
    expect(await caches.open(MEMORY).store.get('a', signal)).toBeUndefined()
  })

  test.each([
    ['the key', { key: 'fedcba9876543210' }],
    ['the time', { ttlMs: 1000 }],
    ['the size', { maxEntries: 20 }],
  ])('are others for another value of %s', async (_, change) => {
    const caches = openVerdictCaches(() => {})
    caches.open(MEMORY).store.set('a', CLEAN)
    expect(await caches.open({ ...MEMORY, ...change }).store.get('a', signal)).toBeUndefined()
  })
})

describe('caches on servers', () => {
  let one: CacheListener
  let two: CacheListener
  let state: StateWatch
  let caches: VerdictCaches
  beforeEach(async () => {
    ;[one, two] = await Promise.all([startCacheListener(), startCacheListener()])
    state = watchState()
    caches = openVerdictCaches(state.report)
  })
  afterEach(async () => {
    await caches.close()
    await Promise.all([one.close(), two.close()])
  })
  const on = ({ url }: CacheListener) => caches.open({ ...MEMORY, url })

  test('close with their last holder, and no other does', async () => {
    const first = on(one)
    const again = on(one)
    on(two)
    await Promise.all([one.untilOpen(1), two.untilOpen(1)])
    await state.until('connected')
    await first.close()
    expect(await again.store.get('a', signal)).toBeUndefined()
    await again.close()
    await one.untilOpen(0)
    await two.untilOpen(1)
    await expect(again.store.get('a', signal)).rejects.toThrow('not connected')
  })

  test('tell of the newest only', async () => {
    const first = on(one)
    await state.until('connected')
    on(two)
    expect(state.changes).toEqual(['connecting', 'connected', 'connecting'])
    await state.until('connected')
    // The server of the first goes away, which nobody who looks at the newest must take for a loss.
    await one.close()
    await expect.poll(() => first.store.get('a', signal).then(String, String)).toContain('not connected')
    expect(state.changes).toEqual(['connecting', 'connected', 'connecting', 'connected'])
    one = await startCacheListener()
  })

  test('tell how it stands with one that becomes the newest again', async () => {
    on(one)
    await state.until('connected')
    on(two)
    await state.until('connected')
    on(one)
    expect(state.changes).toEqual(['connecting', 'connected', 'connecting', 'connected', 'connected'])
    on(one)
    expect(state.changes).toHaveLength(5)
  })

  test('are others where one may go without TLS and the other may not', async () => {
    on(one)
    caches.open({ ...MEMORY, url: one.url, allowPlaintext: true })
    await one.untilOpen(2)
  })

  test('are all closed at once, and none is opened after that', async () => {
    const first = on(one)
    on(two)
    await Promise.all([one.untilOpen(1), two.untilOpen(1)])
    await caches.close()
    await Promise.all([one.untilOpen(0), two.untilOpen(0)])
    expect(() => on(one)).toThrow(expect.objectContaining({ code: 'bug' }))
    await first.close()
    expect(one.came).toBe(1)
  })
})
