import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { chatRequest } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { useDoor } from './door.ts'
import { expectUnharmed } from './unharmed.ts'

/**
 * Texts that a backtracking engine would read for years, under every local guardrail and under patterns of the
 * operator's that are the worst there are. That the work is linear is counted in
 * test/unit/guardrail/local-linear.test.ts; here such texts only have to be judged.
 */
const WORD = 'attack'
const door = useDoor()
const snapshot = snapshotOf(`
guardrails:
  words: { kind: keywords, words: [${WORD}] }
  pii: { kind: local-pii }
  secrets: { kind: local-secrets }
  prompts: { kind: local-prompt-attack }
  links: { kind: local-links, allow_domains: [example.com] }
  patterns:
    kind: regex
    patterns:
      - { name: nested, pattern: '(a+)+$x' }
      - { name: alternatives, pattern: '(a|aa|a?)+$x' }
      - { name: optional, pattern: '(a?){500}a{500}x' }
      - { name: dots, pattern: '(.*)(.*)(.*)(.*)(.*)\\x00' }
      - { name: spaces, pattern: '(\\s*,\\s*)*x$x' }
policies:
  - name: all
    guardrails: [{ use: words }, { use: pii, action: alert }, { use: secrets, action: alert },
      { use: prompts, action: alert }, { use: links, action: alert }, { use: patterns }]
`)
afterAll(() => snapshot.close())
afterEach(() => expectUnharmed(door(), WORD))

const BITS = [
  'a',
  ' ',
  ', ',
  '=',
  '/',
  '.',
  '@',
  'a.',
  'a@',
  '1',
  '1-',
  ' 1',
  '-----BEGIN ',
  'sk-',
  'eyJ',
  '://',
  '![](',
]
const LENGTH = 65_536

describe('is judged', () => {
  test.each(BITS)('%j over and over', async bit => {
    door().use(snapshot.policySet)
    const text = bit.repeat(Math.ceil(LENGTH / bit.length))
    const clean = Buffer.from(chatRequest(`${text}!`))
    expect(await door().ask(clean)).toEqual({ kind: 'passed', body: clean })
    expect(await door().ask(Buffer.from(chatRequest(`${text} ${WORD}`)))).toMatchObject({ why: 'flagged' })
  })
})
