import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonPath } from '../../src/llm/format.ts'
import { decodeJsonBody, editJson, isJsonObject, textsInside } from '../../src/llm/json-body.ts'
import type { JsonEdit } from '../../src/llm/json-edits.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A JSON value in some serialisation, and new texts for some of its strings. */
const edited = fc
  .record({
    value: fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }),
    indent: fc.constantFrom(0, 1, '\t'),
    escapesUnicode: fc.constantFrom('escaped', 'raw'),
    picks: fc.array(fc.record({ at: fc.nat(), text: fc.string({ unit: 'binary' }) }), { maxLength: 5 }),
  })
  .map(({ value, indent, escapesUnicode, picks }) => {
    const plain = JSON.stringify(value, null, indent)
    const text = escapesUnicode === 'escaped' ? escapeNonAscii(plain) : plain
    const texts = textsInside(JSON.parse(text), [])
    const chosen = new Map<number, string>()
    for (const { at, text: replacement } of texts.length > 0 ? picks : [])
      chosen.set(at % texts.length, replacement)
    const edits = Array.from(chosen, ([index, replacement]): JsonEdit & { kind: 'set-text' } => ({
      kind: 'set-text',
      path: texts[index]!.path,
      text: replacement,
    }))
    return { text, edits }
  })

function escapeNonAscii(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The value with the string at `path` replaced, done the plain way. */
function withText(value: unknown, path: JsonPath, text: string): unknown {
  const [step, ...rest] = path
  if (step === undefined) return text
  if (Array.isArray(value))
    return value.map((item, index) => (index === step ? withText(item, rest, text) : item))
  if (!isJsonObject(value)) throw new Error('no such path')
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, key === step ? withText(item, rest, text) : item]),
  )
}

describe('editing a JSON body', () => {
  test('changes the texts named, and no other value', () => {
    fc.assert(
      fc.property(edited, ({ text, edits }) => {
        const expected = edits.reduce(
          (value, edit) => withText(value, edit.path, edit.text),
          JSON.parse(text),
        )
        const decoded = decodeJsonBody(editJson(encoder.encode(text), edits))
        expect(decoded).toEqual({ kind: 'ok', value: expected })
      }),
      { numRuns: 500 },
    )
  })

  test('leaves every byte around one edited string as it was', () => {
    fc.assert(
      fc.property(edited, ({ text, edits }) => {
        const edit = edits[0]
        fc.pre(edit !== undefined)
        const after = decoder.decode(editJson(encoder.encode(text), [edit!]))
        // What was taken out lies between the longest common start and end, and must be one whole JSON string.
        const literal = JSON.stringify(edit!.text)
        const places = indexesOf(after, literal).filter(at => {
          const cut = text.length - (after.length - at - literal.length)
          return (
            text.startsWith(after.slice(0, at)) &&
            text.endsWith(after.slice(at + literal.length)) &&
            isString(text.slice(at, cut))
          )
        })
        expect(places.length).toBeGreaterThan(0)
      }),
      { numRuns: 500 },
    )
  })

  test('to the text that is there already changes only how that string is escaped', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), value => {
        const body = encoder.encode(JSON.stringify(value))
        const edits = textsInside(value, []).map((found): JsonEdit => ({ kind: 'set-text', ...found }))
        expect(editJson(body, edits)).toEqual(body)
      }),
    )
  })
})

function indexesOf(text: string, part: string): number[] {
  const found: number[] = []
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) found.push(at)
  return found
}

function isString(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'string'
  } catch {
    return false
  }
}
