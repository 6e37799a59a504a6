import type { Finding, ScanSubject, Verdict } from '../guardrail.ts'
import { GuardrailFailure } from '../guardrail.ts'
import { detectorName, nameOrUndefined } from '../names.ts'
import { newestWithin, type Piece } from '../pieces.ts'
import { type Dialect, joinedText, type WireMessage, wireMessages } from './dialect.ts'
import { valueAt } from './json-pointer.ts'
import type { RequestTemplate, ResponseMapping } from './template-config.ts'

/**
 * Any service that takes JSON and answers JSON. Placeholders in the request's strings: `${text}` (all texts, a line
 * each), `${side}` (`input` or `output`), and, as a whole string, `${messages}` (a list of `{role, content}`; of an
 * answer behind what was asked, where the rule wants to see that).
 */
export function template(
  url: string,
  request: RequestTemplate,
  mapping: ResponseMapping,
  contextChars: number,
): Dialect {
  return {
    question: (batch, subject) => ({ url, body: filled(request, valuesOf(batch, subject, contextChars)) }),
    verdict: answer => mappedVerdict(answer, mapping),
  }
}

interface Values {
  readonly text: string
  readonly side: string
  readonly messages: readonly WireMessage[]
}

function valuesOf(batch: readonly Piece[], subject: ScanSubject, contextChars: number): Values {
  const asked = subject.side === 'input' ? [] : newestWithin(subject.conversation, contextChars)
  return { text: joinedText(batch), side: subject.side, messages: wireMessages([...asked, ...batch]) }
}

/** Values are put in once: what stands in them is not looked at for placeholders. */
function filled(part: unknown, values: Values): unknown {
  if (typeof part === 'string') {
    if (part === `\${messages}`) return values.messages
    return part.replace(/\$\{(text|side)\}/g, (_, name) => (name === 'text' ? values.text : values.side))
  }
  if (Array.isArray(part)) return part.map(entry => filled(entry, values))
  if (typeof part !== 'object' || part === null) return part
  return Object.fromEntries(Object.entries(part).map(([key, entry]) => [key, filled(entry, values)]))
}

function mappedVerdict(answer: unknown, mapping: ResponseMapping): Verdict {
  const requestId = nameOrUndefined(at(answer, mapping.request_id))
  const score = at(answer, mapping.score)
  if (!isFlagged(answer, score, mapping)) return { kind: 'clean', requestId }
  const findings = categoriesOf(at(answer, mapping.categories)).map(
    (detector): Finding => (isScore(score) ? { detector, score } : { detector }),
  )
  return { kind: 'flagged', findings, requestId }
}

/** Every answer that is neither one of the flagged nor one of the clean values is a fault. */
function isFlagged(answer: unknown, score: unknown, mapping: ResponseMapping): boolean {
  if (mapping.flagged === undefined) {
    if (isScore(score) && mapping.threshold !== undefined) return score >= mapping.threshold
    throw new GuardrailFailure('bad-response', 'the answer has no score from 0 to 1 where it should')
  }
  const said = at(answer, mapping.flagged)
  if (mapping.flagged_values.some(value => value === said)) return true
  if (mapping.clean_values.some(value => value === said)) return false
  throw new GuardrailFailure('bad-response', 'the answer has no known verdict where it should')
}

function at(answer: unknown, pointer: string | undefined): unknown {
  return pointer === undefined ? undefined : valueAt(answer, pointer)
}

/** From a name, a list of names, or a mapping whose true members count; never empty. */
function categoriesOf(value: unknown): readonly string[] {
  const names = namesIn(value).filter(name => nameOrUndefined(name) !== undefined)
  return names.length === 0 ? ['webhook'] : [...new Set(names.map(name => detectorName(name, 'webhook')))]
}

function namesIn(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (typeof value !== 'object' || value === null) return [value]
  return Object.entries(value).flatMap(([name, isOn]) => (isOn === true ? [name] : []))
}

function isScore(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1
}
