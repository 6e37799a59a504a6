import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { PROOF_MS, slownessOf } from '../../../support/slow-patterns.ts'

const FOLDER = new URL('../../../../src/guardrail/local-pii/', import.meta.url)

interface Pattern {
  readonly source: string
  readonly flags: string
}

/** Every regular expression that is written down in the folder. */
function literals(): Pattern[] {
  return readdirSync(FOLDER).flatMap(file => {
    const source = ts.createSourceFile(
      file,
      readFileSync(new URL(file, FOLDER), 'utf8'),
      ts.ScriptTarget.Latest,
    )
    const found: Pattern[] = []
    const visit = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) {
        const end = node.text.lastIndexOf('/')
        found.push({ source: node.text.slice(1, end), flags: node.text.slice(end + 1) })
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
    return found
  })
}

/** Every one that is put together when the folder is loaded. */
async function composed(): Promise<Pattern[]> {
  const found: Pattern[] = []
  const original = globalThis.RegExp
  globalThis.RegExp = new Proxy(original, {
    construct(target, [source, flags = '']: [string, string?]) {
      found.push({ source: String(source), flags })
      return new target(source, flags)
    },
  })
  try {
    await import('../../../../src/guardrail/local-pii/left-reach.ts')
    await import('../../../../src/guardrail/local-pii/address.ts')
    await import('../../../../src/guardrail/local-pii/coordinates.ts')
    await import('../../../../src/guardrail/local-pii/disguise.ts')
  } finally {
    globalThis.RegExp = original
  }
  return found
}

describe('no pattern takes more than linear time', async () => {
  const [written, made] = [literals(), await composed()]
  const patterns = [...written, ...made]

  test('there are patterns of both kinds', () => {
    expect(written.length).toBeGreaterThan(60)
    expect(made.length).toBeGreaterThan(4)
  })

  test.each(patterns.map(({ source, flags }) => [`/${source}/${flags}`, source, flags] as const))(
    '%s',
    (_, source, flags) => {
      expect(slownessOf(source, flags)).toBe('safe')
    },
    2 * PROOF_MS,
  )
})
