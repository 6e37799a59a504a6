import { ALNUM, isIn, isTokenStart, TOKEN } from './characters.ts'
import { AFTER_TOKEN, type Match, type Matcher, type Source } from './match.ts'
import { isPlaceholder } from './randomness.ts'
import type { RunRule, ShapeRule, TokenRule } from './token-rule.ts'

/** Reads a token at its prefix, which stands there in full. */
export function tokenMatcher(rule: TokenRule, prefix: string): Matcher {
  switch (rule.kind) {
    case 'run':
      return (source, at) => matchRun(rule, prefix, source, at)
    case 'shape':
      return (source, at) => matchShape(rule, source, at)
  }
}

function matchRun(rule: RunRule, prefix: string, source: Source, at: number): Match | undefined {
  const { text, textEnd, runs } = source
  if (!isTokenStart(text, at)) return undefined
  const from = at + prefix.length
  const start = rule.prefixIs === 'secret' ? at : from
  const runEnd = runs.endOf(from, rule.of)
  const length = runEnd - from
  if (textEnd === 'open' && runEnd === text.length && length <= rule.most)
    return { kind: 'open', start, wake: AFTER_TOKEN }
  if (length < rule.least) return undefined
  const end = withoutStop(text, length > rule.most ? from + rule.most : runEnd)
  if (isIn(text, end, ALNUM) || end - from < rule.least) return undefined
  const body = text.slice(from, end)
  if (isPlaceholder(body) || rule.passes?.(body) === false) return { kind: 'refused', end }
  return { kind: 'secret', rule: rule.rule, score: rule.score, start, end, told: 'by-format' }
}

/** A sentence's full stop is none of the token's. */
function withoutStop(text: string, end: number): number {
  return text[end - 1] === '.' ? end - 1 : end
}

function matchShape(rule: ShapeRule, source: Source, at: number): Match | undefined {
  const { text, textEnd, runs } = source
  if (rule.leadOf !== 0 && !isIn(text, at - 1, rule.leadOf)) return undefined
  for (const lead of rule.leads) {
    const start = at - lead
    if (start < 0 || !isTokenStart(text, start)) continue
    const runEnd = runs.endOf(at, TOKEN)
    if (textEnd === 'open' && runEnd === text.length && runEnd - start <= rule.most)
      return { kind: 'open', start, wake: AFTER_TOKEN }
    rule.shape.lastIndex = start
    const token = rule.shape.exec(text)?.[0]
    if (token === undefined) continue
    const end = start + token.length
    if (isPlaceholder(token)) return { kind: 'refused', end }
    return { kind: 'secret', rule: rule.rule, score: rule.score, start, end, told: 'by-format' }
  }
  return undefined
}
