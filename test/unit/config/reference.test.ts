import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { configJsonSchema } from '../../../src/config/json-schema.ts'
import { renderConfigReference } from '../../../src/config/reference.ts'

describe('docs/en/config.md', () => {
  it('is what `weir schema --format markdown` prints', () => {
    const page = readFileSync(new URL('../../../docs/en/config.md', import.meta.url), 'utf8')
    const again = 'make it again: npm run --silent weir -- schema --format markdown > docs/en/config.md'
    expect(page, again).toBe(renderConfigReference())
  })

  it('has the keys that only a nested place has, each with its type and default', () => {
    const page = renderConfigReference()
    expect(page).toContain('| `stream.window.growth` | number, 1 to 100 | `2` |')
    expect(page).toContain('| `guardrails[].direction` | `input`, `output`, `both` | `"input"` |')
    expect(page).toContain('| `api_key` | secret |')
    expect(page).toContain('| `name` | text | required |')
  })
})

describe('the JSON Schema', () => {
  it('is strict and describes every key of ours', () => {
    const undescribed: string[] = []
    const visit = (schema: ReturnType<typeof configJsonSchema>, path: string) => {
      for (const [name, child] of Object.entries(schema.properties ?? {})) {
        if (child.description === undefined) undescribed.push(`${path}.${name}`)
        visit(child, `${path}.${name}`)
        if (child.items) visit(child.items, `${path}.${name}[]`)
      }
    }
    const schema = configJsonSchema()
    visit(schema, '')
    expect(undescribed).toEqual([])
    expect(schema.additionalProperties).toBe(false)
  })
})
