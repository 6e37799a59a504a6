import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { renderBehaviour } from './page.ts'
import { CHAPTERS } from './requirements.ts'
import { titlesOf } from './titles.ts'

/** The folders whose tests go through a real Envoy. */
const THROUGH_ENVOY = /^(?:envoy|clients|faults)\/(?!(?:guard-wire|toxiproxy|table) )/

const all = CHAPTERS.flatMap(({ requirements }) => requirements)
const proofs = all.flatMap(({ id, provedBy }) => provedBy.map(proof => ({ id, proof })))

describe('a requirement', () => {
  test.each(all)('$id has a proof, through Envoy where it is seen from outside', ({ seen, provedBy }) => {
    expect(provedBy).not.toEqual([])
    expect(new Set(provedBy).size).toBe(provedBy.length)
    if (seen === 'outside') expect(provedBy).toContainEqual(expect.stringMatching(THROUGH_ENVOY))
  })

  test.each(proofs)('$id is proved by a test that exists and runs: $proof', ({ proof }) => {
    const [file = '', ...titles] = proof.split(' › ')
    expect(titlesOf(file)).toContain(titles.join(' › '))
  })

  test('has a name of its own', () => {
    const ids = all.map(({ id }) => id)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    expect(ids.filter(id => !/^[a-z]+(?:-[a-z]+)*$/.test(id))).toEqual([])
  })
})

test('docs/behaviour.md is what `node test/requirements/page.ts` prints', () => {
  const page = readFileSync(new URL('../../docs/behaviour.md', import.meta.url), 'utf8')
  expect(page).toBe(renderBehaviour(CHAPTERS))
})
