import { RE2JS } from 're2js'
import type { Finding } from '../guardrail.ts'

/** As the config has it. */
export interface PatternSource {
  readonly name: string
  /** RE2 syntax. */
  readonly pattern: string
  /** Any of `ims`. */
  readonly flags?: string | undefined
}

/** A pattern that compiled, with the category of what it finds. */
export interface Pattern {
  readonly detector: string
  readonly regex: RE2JS
}

/**
 * Matches of one pattern in one text. Past it the rest of the text counts as one match: nothing is missed, and a
 * pattern that looks far ahead for each match (`a(.*b)?`) stays linear in the text.
 */
const MAX_MATCHES = 1000

const FLAGS: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
}

/** @throws Error of the engine, whose message quotes the pattern: config, not content */
export function compilePattern({ name, pattern, flags = '' }: PatternSource): Pattern {
  const bits = [...flags].reduce((all, flag) => all | (FLAGS[flag] ?? 0), 0)
  return { detector: name, regex: RE2JS.compile(pattern, bits) }
}

/** What the pattern finds in the text, whose place is `segment`. */
export function matchesIn(text: string, segment: number, { detector, regex }: Pattern): Finding[] {
  const findings: Finding[] = []
  const matcher = regex.matcher(text)
  while (matcher.find()) {
    const start = matcher.start()
    const isLast = findings.length === MAX_MATCHES - 1
    const end = isLast ? text.length : matcher.end()
    // A pattern such as `x*` matches nothing everywhere; that is no evidence.
    if (end > start) findings.push({ detector, score: 1, span: { segment, start, end } })
    if (findings.length === MAX_MATCHES) break
  }
  return findings
}
