import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { isJsonObject } from '../../../src/llm/json-body.ts'
import { closingQuote } from '../../../src/llm/json-edits.ts'
import { type JsonStructure, scanJson } from '../../../src/llm/json-scan.ts'

const scan = (text: string) => scanJson(new TextEncoder().encode(text))

/** The same, counted in the value. */
function count(value: unknown): JsonStructure {
  if (typeof value !== 'object' || value === null) return { depth: 0, members: 0, containers: 0, commas: 0 }
  const inside: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  const below = inside.map(count)
  const sum = (of: (one: JsonStructure) => number) => below.reduce((all, one) => all + of(one), 0)
  return {
    depth: 1 + Math.max(0, ...below.map(one => one.depth)),
    members: sum(one => one.members) + (isJsonObject(value) ? inside.length : 0),
    containers: 1 + sum(one => one.containers),
    commas: sum(one => one.commas) + Math.max(0, inside.length - 1),
  }
}

describe('weighing a JSON text', () => {
  it('counts what stands outside of strings, whatever is in them', () => {
    const strings = fc.string({
      unit: fc.constantFrom('"', '\\', ':', ',', '{', '[', '}', ']', 'x', 'é', 'a long run of letters '),
    })
    const values = fc.letrec(tie => ({
      value: fc.oneof(
        { maxDepth: 4 },
        strings,
        fc.integer(),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(strings, tie('value'), { maxKeys: 4 }),
      ),
    })).value
    fc.assert(
      fc.property(values, fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(scan(text)).toEqual(count(JSON.parse(text)))
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['a string that never ends', '{"a', { depth: 1, members: 0, containers: 1, commas: 0 }],
    ['a backslash at the end', '["\\', { depth: 1, members: 0, containers: 1, commas: 0 }],
    ['more closed than opened', ']][', { depth: 0, members: 0, containers: 1, commas: 0 }],
  ])('comes to an end of %s', (_, text, structure) => {
    expect(scan(text)).toEqual(structure)
  })
})

test('the quote that closes a string is the first that no backslash escapes', () => {
  const inside = fc.string({
    unit: fc.constantFrom('x', '\\\\', '\\"', 'a run longer than a short string is, by far'),
  })
  fc.assert(
    fc.property(inside, fc.string(), (text, rest) => {
      expect(closingQuote(`"${text}"${rest}`, 0)).toBe(text.length + 1)
    }),
    { numRuns: 500 },
  )
})
