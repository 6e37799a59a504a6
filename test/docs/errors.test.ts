import { expect, test } from 'vitest'
import { denialHeaders, type FaultStatus, REFUSALS, requestFault } from '../../src/exchange/local-reply.ts'
import { policy } from '../support/policies.ts'
import { readPage } from './page.ts'

const { text } = readPage('docs/en/errors.md')
/** Status, message and reason of every row that begins with a status. */
const rows = [...text.matchAll(/^\| (\d{3}) \| ([^|]+) \| `([a-z-]+)` \|/gm)].map(
  ([, status, message, reason]) => ({
    status: Number(status),
    message,
    reason,
  }),
)

const FAULTS = { 400: 1, 413: 1, 415: 1, 503: 1 } satisfies Record<FaultStatus, 1>

test('the page has every error that Weir answers by itself, and no other', () => {
  const faults = ([400, 413, 415, 503] as const).map(status => requestFault(status))
  expect(faults).toHaveLength(Object.keys(FAULTS).length)
  const known = [...faults, ...Object.values(REFUSALS)].map(({ status, message }) => ({ status, message }))
  const order = (a: { message?: string | undefined }, b: { message?: string | undefined }) =>
    (a.message ?? '').localeCompare(b.message ?? '')
  expect(rows.map(({ status, message }) => ({ status, message })).sort(order)).toEqual(known.sort(order))
})

test('the page has every header of a refusal', () => {
  const revealing = policy({ revealFailureCategories: true })
  const denial = { side: 'request', because: 'flagged', findings: [{ detector: 'prompt_attack' }] } as const
  const headers = denialHeaders(denial, revealing, { id: 'x', startedAtSec: 0 })
  const named = new Set([...text.matchAll(/^\| `((?:x-|cache-)[a-z-]+)` \|/gm)].map(([, name]) => name!))
  const where = 'the table under Headers in docs/en/errors.md, and the same in docs/zh/errors.md'
  expect([...named].sort(), where).toEqual(Object.keys(headers).sort())
})
