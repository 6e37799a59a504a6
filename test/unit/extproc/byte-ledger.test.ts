import { expect, test } from 'vitest'
import { ByteLedger } from '../../../src/extproc/byte-ledger.ts'
import { LedgerEntry } from '../../../src/extproc/ledger-entry.ts'

const never = { onRelief: () => {} }

test('counts what all entries keep, and reports every change', () => {
  let told = 0
  const ledger = new ByteLedger(100_000, delta => {
    told += delta
  })
  const [one, other] = [new LedgerEntry(ledger, never), new LedgerEntry(ledger, never)]
  one.set(30_000, 0)
  other.set(20_000, 0)
  one.set(10_000, 0)
  expect([ledger.bytes, ledger.roomBytes, told]).toEqual([30_000, 70_000, 30_000])
  expect(ledger.holding).toBe(2)
  one.set(0, 0)
  expect(ledger.holding).toBe(1)
  other.set(0, 0)
  expect([ledger.bytes, told, ledger.holding]).toEqual([0, 0, 0])
})

test('refuses growth past the budget, all of it, and keeps the account of it all the same', () => {
  const ledger = new ByteLedger(100_000)
  const [one, other] = [new LedgerEntry(ledger, never), new LedgerEntry(ledger, never)]
  expect(one.set(60_000, 0)).toBe('fits')
  expect(other.fits(40_000, 0)).toBe(true)
  expect(other.fits(40_001, 0)).toBe(false)
  expect(other.set(40_001, 0)).toBe('refused')
  expect([ledger.bytes, ledger.roomBytes]).toEqual([100_001, 0])
  // Less than before is never refused, whatever the others have.
  expect(other.set(40_000, 0)).toBe('fits')
  expect(one.set(59_000, 0)).toBe('fits')
})

test('leaves every call its own share, however much the others keep', () => {
  const ledger = new ByteLedger(100_000)
  const [large, small] = [new LedgerEntry(ledger, never), new LedgerEntry(ledger, never)]
  large.set(100_000, 0)
  expect(small.set(4096, 0)).toBe('fits')
  expect(small.set(4097, 0)).toBe('refused')
})

test('is overdrawn by a quarter more than the budget', () => {
  const ledger = new ByteLedger(100_000)
  const entry = new LedgerEntry(ledger, never)
  entry.set(125_000, 0)
  expect(entry.isOverdrawn).toBe(false)
  entry.set(125_001, 0)
  expect(entry.isOverdrawn).toBe(true)
})

test('has who can wait wait under pressure, and go on when it has fallen well below', async () => {
  const ledger = new ByteLedger(100_000)
  const relieved: string[] = []
  const [waiting, busy] = [
    new LedgerEntry(ledger, { onRelief: () => relieved.push('waiting') }),
    new LedgerEntry(ledger, { onRelief: () => relieved.push('busy') }),
  ]
  waiting.set(10_000, 0)
  busy.set(70_000, 0)
  waiting.yield(true)
  expect(waiting.waits).toBe(false)
  busy.set(70_001, 0)
  waiting.yield(true)
  busy.yield(false)
  expect([waiting.waits, busy.waits, ledger.waiting]).toEqual([true, false, 1])
  busy.set(60_000, 0)
  waiting.yield(true)
  await Promise.resolve()
  expect([waiting.waits, relieved]).toEqual([true, []])
  busy.set(59_999, 0)
  expect(relieved).toEqual([])
  await Promise.resolve()
  expect([waiting.waits, relieved, ledger.waiting]).toEqual([false, ['waiting'], 0])
})

test('tells nothing to who does not wait any more', async () => {
  const ledger = new ByteLedger(100_000)
  const told: string[] = []
  const entry = new LedgerEntry(ledger, { onRelief: () => told.push('go on') })
  entry.set(90_000, 0)
  entry.yield(true)
  // Its verdict is here.
  entry.yield(false)
  expect(entry.waits).toBe(false)
  entry.yield(true)
  entry.set(0, 0)
  entry.yield(false)
  await Promise.resolve()
  expect(told).toEqual([])
})

test('without a budget there is always room and never pressure', () => {
  const ledger = new ByteLedger(Number.POSITIVE_INFINITY)
  const entry = new LedgerEntry(ledger, never)
  expect(entry.set(1e12, 0)).toBe('fits')
  expect([ledger.isPressed, ledger.isOverdrawn, ledger.roomBytes]).toEqual([
    false,
    false,
    Number.POSITIVE_INFINITY,
  ])
})
