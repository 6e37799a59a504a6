import { expect, it } from 'vitest'
import { inFile } from '../../../src/config/problem-lines.ts'
import { showProblem, WeirError } from '../../../src/errors.ts'

const TEXT = `# a comment
server:
  listen: nowhere
guardrails:
  a.b: { kind: lakera,
         api_key: "" }
  a: &it
    b: 1
  c: *it
policies:
  - name: p
    guardrails:
      - use: a

      - use: b
        api_key:VALUE: x
`

/** The problem at each of these paths, as it is shown. */
function shown(...paths: string[]): readonly string[] {
  const problems = paths.map(path => ({ path, message: 'is wrong' }))
  const told = inFile(new WeirError('bad-config', 'the config has problems', { problems }), 'weir.yaml', TEXT)
  if (!(told instanceof WeirError)) throw new TypeError('another error')
  expect(told.message).toBe('weir.yaml: the config has problems')
  return told.problems.map(showProblem)
}

it.each<[string, string, number]>([
  ['a key', 'server.listen', 3],
  ['a key inside of braces', 'guardrails.a.b.api_key', 6],
  ['a name with a dot', 'guardrails.a.b', 5],
  ['an entry of a list', 'policies.0.guardrails.1', 15],
  ['a key in an entry of a list', 'policies.0.guardrails.1.use', 15],
  ['a key that shows its beginning only', 'policies.0.guardrails.1.api_key…', 16],
  ['a key that is missing, by what it is missing in', 'policies.0.guardrails.0.action', 13],
  ['a key behind an alias, by the alias', 'guardrails.c.b', 9],
  ['a line of a file of words, by the key that names the file', 'server.listen.0: line 7', 3],
])('tells the line of %s', (_name, path, line) => {
  expect(shown(path)).toEqual([`line ${line}: ${path}: is wrong`])
})

it('tells the problems in the order of the file, those without a place first', () => {
  expect(shown('policies.0.name', 'server.listen', 'unmatched')).toEqual([
    'unmatched: is wrong',
    'line 3: server.listen: is wrong',
    'line 11: policies.0.name: is wrong',
  ])
})

it('leaves any other error, and one about no file, as it is', () => {
  const other = new WeirError('bad-usage', 'x')
  expect(inFile(other, 'weir.yaml', TEXT)).toBe(other)
  const own = new WeirError('bad-config', 'x')
  expect(inFile(own, undefined, TEXT)).toBe(own)
})
