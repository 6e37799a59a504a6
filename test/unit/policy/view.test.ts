import { describe, expect, it } from 'vitest'
import type { Role, TextSegment } from '../../../src/llm/format.ts'
import { type View, viewed } from '../../../src/policy/view.ts'

/** One letter a text: its role; a digit after it is its message, else each text is a message of its own. */
function conversation(text: string): TextSegment[] {
  const roles: Record<string, Role> = { s: 'system', d: 'developer', u: 'user', a: 'assistant', t: 'tool' }
  return text.split(' ').map((word, index) => ({
    message: word[1] === undefined ? index : Number(word[1]),
    role: roles[word[0]!]!,
    kind: 'content',
    text: word,
    path: [],
  }))
}

const LATEST: View = { scan: 'latest_turn', roles: undefined }
const only = (...roles: Role[]): View => ({ scan: 'conversation', roles: new Set(roles) })

describe('a view shows', () => {
  it.each<[string, string, View, number[]]>([
    ['everything', 's u a u', { scan: 'conversation', roles: undefined }, [0, 1, 2, 3]],
    ['its roles', 's u a t u', only('user', 'tool'), [1, 3, 4]],
    ['the latest turn', 's u a u', LATEST, [3]],
    ['all of a first turn', 's u', LATEST, [0, 1]],
    ['what tools gave back as a turn of its own', 'u a t t', LATEST, [2, 3]],
    ['a turn of several messages', 'u a u u d', LATEST, [2, 3, 4]],
    ['every text of a message', 'u0 a1 u2 u2', LATEST, [2, 3]],
    ['a turn behind a message of several texts', 'u0 u0 a1 u2', LATEST, [3]],
    ['a prefilled answer, which the client wrote, and its turn', 'u a u a', LATEST, [2, 3]],
    [
      'the roles of the latest turn',
      'u a u t',
      { scan: 'latest_turn', roles: new Set(['tool'] as const) },
      [3],
    ],
    ['nothing where nothing is', 's u', only('tool'), []],
    ['a conversation without a user', 'a a', LATEST, [0, 1]],
  ])('%s', (_, texts, view, places) => {
    expect(viewed(conversation(texts), view)).toEqual(places)
  })
})
