import { describe, expect, test } from 'vitest'
import { type AwsKeys, fetchedKeys, fixedKeys } from '../../../../src/aws/keys.ts'
import { GuardrailFailure } from '../../../../src/guardrail/guardrail.ts'

const MINUTE = 60_000
const { signal } = new AbortController()

/** A source whose fetches the test settles itself, at times that it sets. */
function rig() {
  let nowMs = 1_000_000
  let clockMs = 5000
  const fetches: PromiseWithResolvers<AwsKeys>[] = []
  const source = fetchedKeys({
    fetch: () => {
      const fetching = Promise.withResolvers<AwsKeys>()
      fetches.push(fetching)
      return fetching.promise
    },
    now: () => nowMs,
    clock: () => clockMs,
  })
  return {
    source,
    fetches,
    pass: (ms: number) => {
      nowMs += ms
      clockMs += ms
    },
    /** Puts the system clock elsewhere. */
    jump: (ms: number) => {
      nowMs += ms
    },
    /** Settles the latest fetch, and lets everyone who waits for it know. */
    answer: async (id: string, lastsMs?: number) => {
      const expiresAtMs = lastsMs === undefined ? undefined : nowMs + lastsMs
      fetches.at(-1)?.resolve({ accessKeyId: id, secretAccessKey: 's', expiresAtMs })
      await settled()
    },
    fail: async () => {
      fetches.at(-1)?.reject(new GuardrailFailure('unreachable', 'no keys'))
      await settled()
    },
    current: async () => (await source.current(signal)).accessKeyId,
  }
}

const settled = () => new Promise(resolve => setImmediate(resolve))

test('keys of the config are those, refused or not', async () => {
  const keys = { accessKeyId: 'a', secretAccessKey: 's' }
  const source = fixedKeys(keys)
  source.refused(keys)
  expect(await source.current(signal)).toBe(keys)
})

describe('fetched keys', () => {
  test('are fetched when first needed, once for all who wait', async () => {
    const { fetches, current, answer } = rig()
    expect(fetches).toHaveLength(0)
    const waiting = [current(), current(), current()]
    await answer('one', 60 * MINUTE)
    expect(await Promise.all(waiting)).toEqual(['one', 'one', 'one'])
    expect(await current()).toBe('one')
    expect(fetches).toHaveLength(1)
  })

  test('without an end are kept', async () => {
    const { fetches, current, answer, pass } = rig()
    const first = current()
    await answer('one')
    await first
    pass(1000 * MINUTE)
    expect(await current()).toBe('one')
    expect(fetches).toHaveLength(1)
  })

  test('that are refused are renewed once a minute, although the clock was put back meanwhile', async () => {
    const { source, fetches, answer, pass, jump } = rig()
    for (const id of ['one', 'two']) {
      const held = source.current(signal)
      await answer(id, 24 * 60 * MINUTE)
      source.refused(await held)
      jump(-24 * 60 * MINUTE)
      pass(MINUTE)
    }
    expect(fetches).toHaveLength(3)
  })

  test('are renewed from five minutes before their end on, and serve until then', async () => {
    const { fetches, current, answer, pass } = rig()
    const first = current()
    await answer('one', 60 * MINUTE)
    await first
    pass(55 * MINUTE - 1)
    expect(await current()).toBe('one')
    expect(fetches).toHaveLength(1)
    pass(1)
    expect([await current(), await current()]).toEqual(['one', 'one'])
    expect(fetches).toHaveLength(2)
    await answer('two', 60 * MINUTE)
    expect(await current()).toBe('two')
    expect(fetches).toHaveLength(2)
  })

  test('serve to their end when they cannot be renewed, which is tried again now and then', async () => {
    const { fetches, current, answer, fail, pass } = rig()
    const first = current()
    await answer('one', 5 * MINUTE)
    await first
    for (const fetched of [2, 2, 3]) {
      pass(15_000)
      if (fetches.length === 1) pass(15_000)
      expect(await current()).toBe('one')
      expect(fetches).toHaveLength(fetched)
      await fail()
    }
    pass(5 * MINUTE)
    const late = current()
    expect(fetches).toHaveLength(4)
    await answer('two', MINUTE)
    expect(await late).toBe('two')
  })

  test('that are over are never used, also not when they come like that', async () => {
    const { current, answer, pass } = rig()
    const first = current()
    await answer('one', MINUTE)
    await first
    pass(MINUTE)
    const second = expect(current()).rejects.toMatchObject({ reason: 'unreachable' })
    await answer('two', 0)
    await second
  })

  test('that do not come are a failure for all who wait, and fetched anew for the next', async () => {
    const { fetches, current, answer, fail } = rig()
    const waiting = [current(), current()].map(one =>
      expect(one).rejects.toMatchObject({ reason: 'unreachable' }),
    )
    await fail()
    await Promise.all(waiting)
    const next = current()
    await answer('one')
    expect(await next).toBe('one')
    expect(fetches).toHaveLength(2)
  })

  test('are waited for no longer than the signal lets one, and come for the others', async () => {
    const { source, fetches, current, answer } = rig()
    const hurried = new AbortController()
    const gone = source.current(hurried.signal)
    const patient = current()
    hurried.abort(new GuardrailFailure('timeout', 'late'))
    await expect(gone).rejects.toMatchObject({ reason: 'timeout', detail: 'timeout-total' })
    await expect(source.current(AbortSignal.abort())).rejects.toMatchObject({ reason: 'cancelled' })
    await answer('one')
    expect(await patient).toBe('one')
    expect(fetches).toHaveLength(1)
  })

  test('that were refused are dropped and fetched anew, once', async () => {
    const { source, fetches, current, answer } = rig()
    const first = source.current(signal)
    await answer('one', 60 * MINUTE)
    const refused = await first
    source.refused(refused)
    source.refused(refused)
    expect(fetches).toHaveLength(2)
    const next = current()
    await answer('two', 60 * MINUTE)
    expect(await next).toBe('two')
    source.refused(refused)
    expect(await current()).toBe('two')
    expect(fetches).toHaveLength(2)
  })

  test('that are refused as well are kept for a minute: new ones are no remedy', async () => {
    const { source, fetches, answer, pass } = rig()
    const refuse = async (id: string): Promise<void> => {
      const keys = source.current(signal)
      await answer(id, 600 * MINUTE)
      source.refused(await keys)
    }
    await refuse('one')
    await answer('two', 600 * MINUTE)
    await refuse('two')
    expect(fetches).toHaveLength(2)
    pass(MINUTE)
    await refuse('two')
    expect(fetches).toHaveLength(3)
  })

  test('that were refused before they were renewed do not cost the new ones', async () => {
    const { source, fetches, current, answer, pass } = rig()
    const first = source.current(signal)
    await answer('one', 60 * MINUTE)
    const old = await first
    pass(60 * MINUTE)
    const second = current()
    await answer('two', 60 * MINUTE)
    expect(await second).toBe('two')
    source.refused(old)
    expect(await current()).toBe('two')
    expect(fetches).toHaveLength(2)
  })

  test('never fail where nobody waits', async () => {
    const { source, fetches, current, answer, fail } = rig()
    const first = source.current(signal)
    await answer('one', 60 * MINUTE)
    source.refused(await first)
    await fail()
    const next = current()
    await answer('two')
    expect(await next).toBe('two')
    expect(fetches).toHaveLength(3)
  })
})
