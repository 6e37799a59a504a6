import { beforeEach, describe, expect, test } from 'vitest'
import { Turns } from '../../../src/guardrail/turns.ts'

/** An event loop by hand: work takes the time that it says, and a turn begins when the test says so. */
let nowMs: number
let next: (() => void)[]
let told: string[]
let turns: Turns
beforeEach(() => {
  nowMs = 0
  next = []
  told = []
  turns = new Turns(
    () => nowMs,
    take => next.push(take),
  )
})

function work(name: string, steps: number, msPerStep: number): void {
  let left = steps
  turns.run({
    step() {
      told.push(name)
      nowMs += msPerStep
      left -= 1
      return left > 0 ? 'more' : 'done'
    },
  })
}

/** What was done in each turn, the first included. */
function play(): readonly string[] {
  const all: string[] = []
  for (;;) {
    all.push(told.join(' '))
    told = []
    const take = next.shift()
    if (take === undefined) return all
    take()
  }
}

describe('work in steps', () => {
  test('that there is time for is done at once', () => {
    work('a', 3, 1)
    expect(told).toEqual(['a', 'a', 'a'])
  })

  test('goes on in later turns once the time of this one is spent', () => {
    work('a', 10, 1)
    expect(play()).toEqual(['a a a a', 'a a a a', 'a a', ''])
  })

  test('has its steps by turns, and all of it together the time of one', () => {
    work('a', 5, 2)
    work('b', 3, 2)
    work('c', 1, 2)
    expect(play()).toEqual(['a a', 'a b', 'c a', 'b a', 'b', ''])
  })

  test('that comes in the same turn gets what time is left of it', () => {
    work('a', 1, 3)
    work('b', 2, 3)
    work('c', 1, 3)
    expect(play()).toEqual(['a b', 'b c', ''])
  })

  test('that is for later is not begun in this turn', () => {
    turns.later({
      step() {
        told.push('later')
        return 'done'
      },
    })
    work('a', 1, 1)
    expect(play()).toEqual(['', 'later a', ''])
  })

  test('a turn is asked for once, however many come', () => {
    for (const name of ['a', 'b', 'c']) work(name, 2, 5)
    expect(next).toHaveLength(1)
    expect(play()).toEqual(['a', 'a', 'b', 'c', 'b', 'c', ''])
  })
})
