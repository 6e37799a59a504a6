import { describe, expect, it } from 'vitest'
import { parseYaml } from '../../../src/config/yaml.ts'
import { showProblem } from '../../../src/errors.ts'
import { errorOf, problemsOf } from './given.ts'

const messagesOf = (text: string) => errorOf(() => parseYaml(text)).problems.map(showProblem)

describe('reading YAML', () => {
  it('reads a document as plain data, with aliases', () => {
    expect(parseYaml('a: &x { b: [1, true, null, "s"] }\nc: *x\n')).toEqual({
      a: { b: [1, true, null, 's'] },
      c: { b: [1, true, null, 's'] },
    })
  })

  it.each<[string, string, string]>([
    ['a key twice', 'a: 1\nb: 2\na: 3\n', 'line 3: this key stands twice in one mapping'],
    ['two documents', 'a: 1\n---\nb: 2\n', 'line 2: a second document begins; only one may stand here'],
    ['a tab', 'a:\n\tb: 1\n', 'line 2: a tab is used to indent; use spaces'],
    ['an open quote', 'a: 1\nb: "x\n', 'line 3: a character is missing'],
    ['an unknown alias', 'a: *b\n', 'an alias (*) without its anchor (&)'],
    ['an unknown tag', 'a: !python/object x\n', 'line 1: an unknown tag (!)'],
  ])('names the line of %s', (_name, text, message) => {
    expect(messagesOf(text).join('\n')).toContain(message)
  })

  it.each<[string, string, string]>([
    [
      'a line that is indented too little',
      'a:\n  - b: 1\n   c: 2\n',
      'line 3: an entry of a list must begin with "- "',
    ],
    ['one that is indented too far', 'a: 1\n  b: 2\n', 'line 1: a key inside of a value'],
    ['one that stands between two levels', 'a:\n    b: 1\n  c: 2\n', 'line 3: the indentation does not fit'],
    ['a colon without a blank', 'a:\n  c: 2\n  b:1\n', 'line 3: a key without a value: a colon and a blank'],
    ['an open brace', 'a:\n  - { b: 1\n  - { c: 2 }\n', 'line 3: a { or [ of a line above is not closed'],
  ])('says of %s what to look for, once', (_name, text, message) => {
    const messages = messagesOf(text)
    expect(messages[0]).toContain(message)
    expect(new Set(messages.map(told => told.split(':')[0])).size).toBe(messages.length)
  })

  it('refuses aliases that blow a small file up', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 10; i++)
      lines.push(`a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(',')}]`)
    expect(messagesOf(lines.join('\n'))).toEqual(['too many aliases'])
  })

  it('refuses nesting past its stack', () => {
    const depth = 100_000
    expect(messagesOf('['.repeat(depth) + ']'.repeat(depth))).toEqual(['line 1: nested too deeply'])
  })

  it.each(['', '# only a comment\n', 'null'])('calls %j an empty config', text => {
    expect(problemsOf(text)).toEqual([': the config is empty'])
  })
})
