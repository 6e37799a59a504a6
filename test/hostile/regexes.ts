import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

/** A regular expression that stands in `src/`. */
export interface Pattern {
  /** Below `src/`. */
  readonly file: string
  readonly source: string
  readonly flags: string
}

/** A call of `RegExp` whose pattern is made when it runs. */
export interface MadePattern {
  readonly file: string
  /** What it is made of, as it is written. */
  readonly from: string
}

const ROOT = new URL('../../src/', import.meta.url)

/** Every regular expression of `src/`, by the compiler's own reading of the files. */
export function patternsOfSource(): {
  readonly written: readonly Pattern[]
  readonly made: readonly MadePattern[]
} {
  const written: Pattern[] = []
  const made: MadePattern[] = []
  const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
  for (const file of files.sort()) {
    const text = readFileSync(new URL(file, ROOT), 'utf8')
    const visit = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) {
        const end = node.text.lastIndexOf('/')
        written.push({ file, source: node.text.slice(1, end), flags: node.text.slice(end + 1) })
      }
      const isMade =
        (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'RegExp'
      if (isMade) made.push({ file, from: node.arguments?.[0]?.getText() ?? '' })
      ts.forEachChild(node, visit)
    }
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true))
  }
  return { written, made }
}
