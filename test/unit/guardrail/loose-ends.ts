import { afterEach, beforeEach, expect, vi } from 'vitest'

/** Gives each test of the block that calls this fake timeouts, and fails it for a timer or a rejection left behind. */
export function expectNoLooseEnds(): void {
  const rejections: unknown[] = []
  const onRejection = (reason: unknown) => rejections.push(reason)
  beforeEach(() => {
    // Not setImmediate: the last word on a deadline comes by it.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    rejections.length = 0
    process.on('unhandledRejection', onRejection)
  })
  afterEach(async () => {
    expect(vi.getTimerCount(), 'timers left behind').toBe(0)
    vi.useRealTimers()
    // Unhandled rejections are reported after the microtasks of a turn.
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', onRejection)
    expect(rejections).toEqual([])
  })
}
