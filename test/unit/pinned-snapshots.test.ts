import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PolicyPin } from '../../src/extproc/call-deps.ts'
import { PinnedSnapshots } from '../../src/pinned-snapshots.ts'
import { snapshotOf } from './config/given.ts'

function watched() {
  let open = 0
  const made: { readonly closed: () => number; readonly snapshot: ReturnType<typeof snapshotOf> }[] = []
  const make = () => {
    let closes = 0
    const compiled = snapshotOf('policies: []')
    const close = async (): Promise<void> => {
      closes += 1
    }
    const one = { closed: () => closes, snapshot: { ...compiled, close } }
    made.push(one)
    return one.snapshot
  }
  const snapshots = new PinnedSnapshots(make(), {
    reportOpen: count => {
      open = count
    },
    reportFailure: error => {
      throw error
    },
  })
  return { snapshots, made, use: () => snapshots.use(make()), open: () => open }
}

describe('a snapshot that was replaced', () => {
  test('is closed at once where nothing runs on it', () => {
    const { made, use, open } = watched()
    use()
    expect(made.map(({ closed }) => closed())).toEqual([1, 0])
    expect(open()).toBe(1)
  })

  test('is closed when the last of its exchanges is over, and serves them until then', () => {
    const { snapshots, made, use, open } = watched()
    const pins = [snapshots.pin(), snapshots.pin()]
    use()
    const late = snapshots.pin()
    expect(pins.map(({ policies }) => policies)).toEqual(Array(2).fill(made[0]!.snapshot.policySet))
    expect(late.policies).toBe(made[1]!.snapshot.policySet)
    pins[0]!.release()
    expect([made[0]!.closed(), open()]).toEqual([0, 2])
    pins[1]!.release()
    expect([made[0]!.closed(), open()]).toEqual([1, 1])
  })
})

test('the snapshot in force stays open when its last exchange is over', () => {
  const { snapshots, made } = watched()
  snapshots.pin().release()
  expect(made[0]!.closed()).toBe(0)
})

test('whatever comes and goes in whatever order, each is closed once, and never while one runs on it', () => {
  const acts = fc.array(fc.constantFrom('pin', 'pin', 'release', 'use'), { maxLength: 60 })
  fc.assert(
    fc.property(acts, fc.infiniteStream(fc.nat()), (given, choices) => {
      const { snapshots, made, use, open } = watched()
      const pins: { readonly pin: PolicyPin; readonly on: number }[] = []
      const look = (): void => {
        for (const [index, { closed }] of made.entries()) {
          const isNeeded = index === made.length - 1 || pins.some(({ on }) => on === index)
          expect(closed()).toBe(isNeeded ? 0 : 1)
        }
        expect(open()).toBe(made.filter(({ closed }) => closed() === 0).length)
      }
      for (const act of given) {
        if (act === 'use') use()
        else if (act === 'pin') pins.push({ pin: snapshots.pin(), on: made.length - 1 })
        else if (pins.length > 0) pins.splice(choices.next().value % pins.length, 1)[0]!.pin.release()
        look()
      }
      for (const { pin } of pins.splice(0)) pin.release()
      look()
    }),
  )
})
