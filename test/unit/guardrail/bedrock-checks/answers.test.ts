import { describe, expect, test } from 'vitest'
import { failure, useRig, verdict } from '../rig.ts'
import { input } from '../segments.ts'
import { checksService } from './rig.ts'

const rig = useRig(checksService)
const { scan, covered } = rig

/** Asks for one category of each sort, and e-mail addresses. */
const CONFIG = {
  content_filter: { INSULTS: 'off', MISCONDUCT: 'off', SEXUAL: 'off', VIOLENCE: 'off' },
  prompt_attack: { PROMPT_INJECTION: 'off', PROMPT_LEAKAGE: 'off' },
  sensitive_information: { entities: ['EMAIL'] },
}
const contentFilter = { results: [{ category: 'HATE', severityScore: 0 }] }
const promptAttack = { results: [{ category: 'JAILBREAK', severityScore: 0.2 }] }
const sensitiveInformation = { results: [], truncated: false }
const CLEAN = { contentFilter, promptAttack, sensitiveInformation }
const TEXT = 'hi ann@a.org, bye'
const EMAIL = {
  type: 'EMAIL',
  confidenceScore: 0.8,
  messageIndex: 0,
  contentIndex: 0,
  beginOffset: 3,
  endOffset: 12,
}

const answer = (body: unknown) => rig.stub.failNext({ kind: 'body', body: JSON.stringify(body) })
const found = (...entries: readonly unknown[]) => ({
  results: { ...CLEAN, sensitiveInformation: { results: entries, truncated: false } },
})

test.each<[string, unknown]>([
  ['all that was asked', { results: CLEAN, usage: {} }],
  ['no word of truncation', { results: { ...CLEAN, sensitiveInformation: { results: [] } } }],
  [
    'a category more than was asked',
    {
      results: {
        ...CLEAN,
        contentFilter: { results: [...contentFilter.results, { category: 'SEXUAL', severityScore: 1 }] },
      },
    },
  ],
  ['a check more than was asked', { results: { ...CLEAN, toxicity: { results: [{ score: 1 }] } } }],
])('clean: %s', async (_, body) => {
  answer(body)
  expect(await scan(input(TEXT), CONFIG)).toMatchObject(verdict({ kind: 'clean' }))
})

test.each<[string, unknown]>([
  ['{}', {}],
  ['a list', [{ results: CLEAN }]],
  ['null results', { results: null }],
  ['no content filter', { results: { promptAttack, sensitiveInformation } }],
  ['a null prompt attack', { results: { ...CLEAN, promptAttack: null } }],
  ['no sensitive information', { results: { contentFilter, promptAttack } }],
  ['no results in a check', { results: { ...CLEAN, contentFilter: {} } }],
  ['null results in a check', { results: { ...CLEAN, sensitiveInformation: { results: null } } }],
  ['no entry for a category', { results: { ...CLEAN, contentFilter: { results: [] } } }],
  [
    'another category',
    { results: { ...CLEAN, contentFilter: { results: [{ category: 'SEXUAL', severityScore: 0 }] } } },
  ],
  [
    'an entry without a score',
    { results: { ...CLEAN, contentFilter: { results: [...contentFilter.results, { category: 'HATE' }] } } },
  ],
  [
    'a score that is a string',
    { results: { ...CLEAN, promptAttack: { results: [{ category: 'JAILBREAK', severityScore: '0' }] } } },
  ],
  [
    'a score above 1',
    { results: { ...CLEAN, promptAttack: { results: [{ category: 'JAILBREAK', severityScore: 80 }] } } },
  ],
  ['an entity without a confidence', found({ ...EMAIL, confidenceScore: null })],
  ['an entity without a type', found({ ...EMAIL, type: null })],
  ['an entity that is a string', found('EMAIL')],
  ['truncated results', { results: { ...CLEAN, sensitiveInformation: { results: [], truncated: true } } }],
  [
    'a truncation that is a word',
    { results: { ...CLEAN, sensitiveInformation: { results: [], truncated: 'no' } } },
  ],
  ['an exception in a 200', { Output: { __type: 'com.amazon#ThrottlingException' } }],
])('no verdict: %s', async (_, body) => {
  answer(body)
  expect(await scan(input(TEXT), CONFIG)).toMatchObject(failure('bad-response'))
})

test('what is found counts, whatever else is wrong', async () => {
  answer({ results: { contentFilter: { results: [{ category: 'HATE', severityScore: 1 }] } } })
  expect(await scan(input(TEXT), CONFIG)).toMatchObject(
    verdict({
      kind: 'flagged',
      findings: [{ detector: 'hate', score: 1 }, { detector: 'unscanned' }],
      incomplete: 'bad-response',
    }),
  )
})

describe('a place', () => {
  test.each<[string, object, string | undefined]>([
    ['that fits', {}, 'ann@a.org'],
    ['at the end of the text', { beginOffset: 14, endOffset: 17 }, 'bye'],
    ['past the end', { endOffset: 18 }, undefined],
    ['of nothing', { endOffset: 3 }, undefined],
    ['of blanks', { beginOffset: 2, endOffset: 3 }, undefined],
    ['before the start', { beginOffset: -1 }, undefined],
    ['of half a character', { beginOffset: 3.5 }, undefined],
    ['that begins inside of a word', { beginOffset: 4 }, undefined],
    ['that ends inside of a word', { endOffset: 11 }, undefined],
    ['in another message', { messageIndex: 1 }, undefined],
    ['in another block', { contentIndex: 1 }, undefined],
    ['without a message', { messageIndex: null }, undefined],
    ['without a block', { contentIndex: undefined }, undefined],
    ['without a start', { beginOffset: null }, undefined],
    ['without an end', { endOffset: '12' }, undefined],
  ])('%s', async (_, change, expected) => {
    answer(found({ ...EMAIL, ...change }))
    expect(await covered(input(TEXT), CONFIG)).toEqual([['pii/email', expected]])
  })

  test('of a type that was not asked for counts as well, by a name that cannot be a text', async () => {
    answer(found({ ...EMAIL, type: 'SHOE_SIZE' }, { ...EMAIL, type: 'ann@a.org' }))
    expect(await covered(input(TEXT), CONFIG)).toEqual([
      ['pii/shoe_size', 'ann@a.org'],
      ['pii/other', 'ann@a.org'],
    ])
  })
})

test('no failure quotes a key or the text', async () => {
  await scan(input('text-that-must-not-leak'), { api_key: 'wrong-key' })
  rig.stub.failNext({ kind: 'body', body: '"text-that-must-not-leak"' })
  await scan(input('text-that-must-not-leak'))
  expect(rig.faults).toHaveLength(2)
  for (const error of rig.faults) {
    const told = error instanceof Error ? `${error.stack} ${error.cause} ${JSON.stringify(error)}` : ''
    expect(told).not.toBe('')
    for (const leak of ['wrong-key', 'must-not-leak']) expect(told).not.toContain(leak)
  }
})
