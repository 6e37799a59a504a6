import { describe, expect, it, test } from 'vitest'
import { changesBetween } from '../../../src/console/config-diff.ts'
import { SnapshotHistory } from '../../../src/console/snapshot-history.ts'

test.each<[string, unknown, unknown, unknown]>([
  ['nothing', { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, []],
  ['a value', { a: { b: 1, c: 2 } }, { a: { b: 3, c: 2 } }, [{ path: 'a.b', before: 1, after: 3 }]],
  ['a key that came', {}, { a: { b: 1 } }, [{ path: 'a', after: { b: 1 } }]],
  ['a key that went', { a: null }, {}, [{ path: 'a', before: null }]],
  ['another kind of value', { a: [1] }, { a: { 0: 1 } }, [{ path: 'a', before: [1], after: { 0: 1 } }]],
  [
    'entries by their name',
    { policies: [{ name: 'x', a: 1 }, { name: 'y' }] },
    { policies: [{ name: 'new' }, { name: 'x', a: 2 }, { name: 'y' }] },
    [
      { path: 'policies.x.a', before: 1, after: 2 },
      { path: 'policies.new', after: { name: 'new' } },
    ],
  ],
  [
    'the order of named entries',
    [{ name: 'x' }, { name: 'y' }],
    [{ name: 'y' }, { name: 'x' }],
    [{ path: '', before: ['x', 'y'], after: ['y', 'x'] }],
  ],
  [
    'rules by their guardrail',
    [{ use: 'a', n: 1 }],
    [{ use: 'a', n: 2 }],
    [{ path: 'a.n', before: 1, after: 2 }],
  ],
  [
    'words that came and went',
    ['a', 'b', 'b'],
    ['z', 'b', 'c'],
    [{ path: '', before: ['a', 'b'], after: ['z', 'c'] }],
  ],
  ['the order of words', ['a', 'b'], ['b', 'a'], [{ path: '', before: ['a', 'b'], after: ['b', 'a'] }]],
  [
    'a guardrail named twice',
    [{ use: 'a' }, { use: 'a' }],
    [{ use: 'a' }],
    [{ path: '', before: [{ use: 'a' }] }],
  ],
])('tells %s', (_, before, after, changes) => {
  expect(changesBetween(before, after)).toEqual(changes)
})

describe('the history of snapshots', () => {
  it('shows no change before the first', () => {
    const view = new SnapshotHistory('v1', { policies: [{ name: 'chat' }] }, () => 0).view()
    expect(view).toEqual({
      version: 'v1',
      since: '1970-01-01T00:00:00.000Z',
      changes: [],
      changesLeftOut: 0,
      policies: ['chat'],
    })
  })

  it('shows the last change, and takes the word of several processes once', () => {
    let now = 0
    const history = new SnapshotHistory('v1', { unmatched: 'pass' }, () => now)
    now = 1000
    history.use('v2', { unmatched: 'deny' })
    now = 2000
    history.use('v2', { unmatched: 'deny' })
    expect(history.view()).toMatchObject({
      version: 'v2',
      previous: 'v1',
      since: '1970-01-01T00:00:01.000Z',
      changes: [{ path: 'unmatched', before: '"pass"', after: '"deny"' }],
    })
  })

  it('cuts what is long, and says so', () => {
    const history = new SnapshotHistory('v1', {})
    history.use('v2', Object.fromEntries(Array.from({ length: 250 }, (_, key) => [key, 'x'.repeat(5000)])))
    const { changes, changesLeftOut } = history.view()
    expect([changes.length, changesLeftOut]).toEqual([200, 50])
    expect(changes[0]!.after).toHaveLength(1001)
  })
})
