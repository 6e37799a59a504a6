import { readdirSync, readFileSync } from 'node:fs'
import { checkSync } from 'recheck'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const ROOT = new URL('../../../src/guardrail/', import.meta.url)

/** Every regular expression that stands in a file, as `[source, flags]`. */
function patternsIn(path: string): readonly (readonly [string, string])[] {
  const file = ts.createSourceFile(
    path,
    readFileSync(new URL(path, ROOT), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  )
  const found: (readonly [string, string])[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/')
      found.push([node.text.slice(1, end), node.text.slice(end + 1)])
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

const FILES = ['local-secrets', 'local-links'].flatMap(kind =>
  readdirSync(new URL(kind, ROOT)).map(name => `${kind}/${name}`),
)
const PATTERNS = [...FILES, 'text/plain-view.ts', 'open-reading.ts'].flatMap(path =>
  patternsIn(path).map(([source, flags]) => [path, source, flags] as const),
)

/** Longest time for either way to a verdict. */
const PROOF_MS = 60_000

/** What recheck says by the way that it chooses. Its search for an attack may err where it finds one: a proof decides. */
function statusOf(source: string, flags: string): string {
  const { status } = checkSync(source, flags, { timeout: PROOF_MS })
  if (status === 'safe') return status
  const proof = checkSync(source, flags, { checker: 'automaton', timeout: PROOF_MS })
  return proof.status === 'unknown' ? status : proof.status
}

describe('no pattern goes back over what it has read', () => {
  test('the patterns are found', () => expect(PATTERNS.length).toBeGreaterThan(40))

  test.each(PATTERNS)(
    '%s: /%s/%s',
    (_, source, flags) => {
      // A sticky one is tried at one place only.
      const status = flags.includes('y')
        ? statusOf(`^(?:${source})`, flags.replace('y', ''))
        : statusOf(source, flags)
      expect(status).toBe('safe')
    },
    3 * PROOF_MS,
  )

  test('one that does would be told, by proof or by search', () => {
    expect(statusOf('^(a+)+$', '')).toBe('vulnerable')
    expect(checkSync('^(a+)+$', '', { checker: 'fuzz' }).status).toBe('vulnerable')
  })
})
