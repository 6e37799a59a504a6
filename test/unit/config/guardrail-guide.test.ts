import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { renderGuardrailGuide } from '../../../src/config/guardrail-guide.ts'
import { renderConfigReference } from '../../../src/config/reference.ts'
import { guardrailKinds } from '../../../src/guardrail/registry.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'

const page = renderGuardrailGuide()

/** From the heading of a section to the next one. */
function section(text: string, heading: string): string {
  return text.split(`\n${heading}\n`)[1]?.split(/\n##+ /)[0] ?? ''
}

describe('docs/en/guardrails.md', () => {
  it('is what `weir schema --format guardrails` prints', () => {
    const written = readFileSync(new URL('../../../docs/en/guardrails.md', import.meta.url), 'utf8')
    const again = 'make it again: npm run --silent weir -- schema --format guardrails > docs/en/guardrails.md'
    expect(written, again).toBe(page)
  })

  it('has every kind, in the overview and with its example and keys', () => {
    for (const [name, { guide, locality }] of Object.entries(guardrailKinds)) {
      expect(page).toContain(`| [\`${name}\`](#${name}) | ${locality} |`)
      const own = section(page, `## \`${name}\``)
      expect(own).toContain(guide.summary)
      expect(own).toContain(`| \`kind\` | \`${name}\` | required |`)
      expect(own.match(/```yaml/g)).toHaveLength(guide.examples.length)
    }
  })

  it('says of every kind with a service, and of no other, what was not tried', () => {
    for (const { guide, locality } of Object.values(guardrailKinds)) {
      expect(guide.tried === undefined).toBe(locality === 'local')
      expect(guide.sends === 'Nothing.').toBe(locality === 'local')
    }
  })

  it('names metrics that there are', async () => {
    const metrics = createMetrics()
    const known = await metrics.render()
    metrics.close()
    const named = [...new Set(page.match(/weir_[a-z_]+/g))]
    expect(named.length).toBeGreaterThan(5)
    for (const name of named) expect(known).toContain(`# TYPE ${name} `)
  })

  it('ends all code and has no line that is not ended', () => {
    expect((page.match(/^```/gm) ?? []).length % 2).toBe(0)
    expect(page.endsWith('\n')).toBe(true)
    expect(page).not.toContain('undefined')
  })
})

describe('the keys that every kind with a service has', () => {
  it.each([
    ['docs/en/guardrails.md', page, '## Every kind with a service', '## `lakera`', '## `presidio`'],
    [
      'docs/en/config.md',
      renderConfigReference(),
      '### Every kind with a service',
      '### `kind: lakera`',
      '### `kind: presidio`',
    ],
  ])('stand once in %s; a kind has those of another default', (_, text, shared, lakera, presidio) => {
    expect(section(text, shared)).toContain('| `circuit_breaker.open_ms` |')
    expect(section(text, shared)).toContain('| `max_concurrent` | whole number, 1 to 10000 | `64` |')
    expect(section(text, lakera)).toContain('| `api_key` | secret |')
    expect(section(text, lakera)).not.toMatch(/`(?:timeout|circuit_breaker|max_concurrent)/)
    expect(section(text, presidio)).toContain('| `max_concurrent` | whole number, 1 to 10000 | `8` |')
    expect(section(text, presidio)).not.toContain('`timeout`')
  })
})
