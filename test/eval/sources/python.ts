/** A string of a Python source, adjacent literals joined as Python joins them. */
export interface PythonString {
  readonly text: string
  /** What stands on the line before it, such as `GOAL = `. */
  readonly lead: string
}

const LITERAL = /([fFrRbBuU]{0,2})("""|'''|"|')/y
const BETWEEN = /(?:\s|\\\n|#[^\n]*\n)*/y

/** The strings of a Python source in their order. Places in f-strings stay as they are written. */
export function pythonStrings(source: string): PythonString[] {
  const found: PythonString[] = []
  let at = 0
  while (at < source.length) {
    if (source[at] === '#') at = lineEnd(source, at)
    const first = isWordBefore(source, at) ? undefined : readLiteral(source, at)
    if (first === undefined) {
      at++
      continue
    }
    const lead = source.slice(source.lastIndexOf('\n', at - 1) + 1, at)
    let text = first.text
    at = first.end
    for (;;) {
      BETWEEN.lastIndex = at
      const next = readLiteral(source, at + (BETWEEN.exec(source)?.[0].length ?? 0))
      if (next === undefined) break
      text += next.text
      at = next.end
    }
    found.push({ text, lead })
  }
  return found
}

const lineEnd = (source: string, at: number): number => {
  const end = source.indexOf('\n', at)
  return end === -1 ? source.length : end
}

const isWordBefore = (source: string, at: number): boolean => /[\w]/.test(source[at - 1] ?? '')

function readLiteral(
  source: string,
  at: number,
): { readonly text: string; readonly end: number } | undefined {
  LITERAL.lastIndex = at
  const [opening, prefix = '', quote = ''] = LITERAL.exec(source) ?? []
  if (opening === undefined) return undefined
  const start = at + opening.length
  let end = start
  while (end < source.length && !source.startsWith(quote, end)) end += source[end] === '\\' ? 2 : 1
  const raw = source.slice(start, end)
  return { text: /r/i.test(prefix) ? raw : unescapePython(raw), end: end + quote.length }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\n': '', '0': '\0' }

function unescapePython(raw: string): string {
  return raw.replace(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|([^ux]))/gi, (_, unit, byte, other) =>
    unit === undefined && byte === undefined
      ? (ESCAPES[String(other)] ?? String(other))
      : String.fromCharCode(Number.parseInt(String(unit ?? byte), 16)),
  )
}
