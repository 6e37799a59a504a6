import { z } from 'zod'
import { isPointer } from './json-pointer.ts'

/** Deeper values are refused, so that neither reading nor filling one can run out of stack. */
const MAX_DEPTH = 20

/** JSON from the config that goes to the service as it stands. */
export const plainJsonSchema = jsonSchema(() => [])

export const requestTemplateSchema = jsonSchema(placeholderFaults).refine(
  request => stringsIn(request).some(text => /\$\{(?:text|messages)\}/.test(text)),
  `must hold \${text} or \${messages}: nothing would be judged`,
)

function jsonSchema(stringFaults: (text: string) => string[]) {
  return z.record(z.string(), z.unknown()).superRefine((value, context) => {
    for (const message of new Set(faultsOf(value, stringFaults, 0))) {
      context.addIssue({ code: 'custom', message, continue: false })
    }
  })
}

function faultsOf(part: unknown, stringFaults: (text: string) => string[], depth: number): string[] {
  if (depth > MAX_DEPTH) return [`is nested deeper than ${MAX_DEPTH}`]
  switch (typeof part) {
    case 'string':
      return [...referenceFaults(part), ...stringFaults(part)]
    case 'boolean':
      return []
    case 'number':
      return Number.isFinite(part) ? [] : ['holds a number that JSON cannot write']
    case 'object':
      return part === null
        ? []
        : Object.values(part).flatMap(entry => faultsOf(entry, stringFaults, depth + 1))
    default:
      return ['holds what JSON cannot write']
  }
}

/** It would go out as it stands: only api_key and headers are resolved. */
function referenceFaults(text: string): string[] {
  return /^\$[A-Za-z]+:\/\//.test(text)
    ? ['takes no reference: the secret belongs into api_key or headers']
    : []
}

function placeholderFaults(text: string): string[] {
  return Array.from(text.matchAll(/\$\{([^}]*)\}/g)).flatMap(([whole, name]) => {
    if (name === 'text' || name === 'side') return []
    if (name !== 'messages') return [`knows the placeholders \${text}, \${messages} and \${side} only`]
    return whole === text ? [] : [`takes \${messages} as a whole string only: it becomes a list`]
  })
}

function stringsIn(part: unknown): string[] {
  if (typeof part === 'string') return [part]
  return typeof part === 'object' && part !== null ? Object.values(part).flatMap(stringsIn) : []
}

const pointerSchema = z.string().refine(isPointer, 'must be a JSON pointer such as /result/flagged')
const scalarSchema = z.union([z.string(), z.number(), z.boolean()])

export const responseMappingSchema = z
  .strictObject({
    flagged: pointerSchema
      .optional()
      .describe('JSON pointer to what decides. Any value but those below is a failure.'),
    flagged_values: z.array(scalarSchema).min(1).default([true]).describe('What it holds for flagged text.'),
    clean_values: z.array(scalarSchema).min(1).default([false]).describe('What it holds for clean text.'),
    score: pointerSchema.optional().describe('JSON pointer to a score from 0 to 1.'),
    threshold: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe('Without `flagged`: the score from which on text is flagged.'),
    categories: pointerSchema
      .optional()
      .describe('JSON pointer to a name, a list of names, or a mapping of names to true or false.'),
    request_id: pointerSchema.optional().describe('JSON pointer to the service’s id of the check.'),
  })
  .superRefine((mapping, context) => {
    const byScore = mapping.score !== undefined && mapping.threshold !== undefined
    if (mapping.flagged === undefined ? !byScore : mapping.threshold !== undefined) {
      context.addIssue({ code: 'custom', message: 'needs either flagged, or score and threshold' })
    }
    if (mapping.flagged_values.some(value => mapping.clean_values.includes(value))) {
      context.addIssue({ code: 'custom', message: 'has a value that is both flagged and clean' })
    }
  })

export type RequestTemplate = z.output<typeof requestTemplateSchema>
export type ResponseMapping = z.output<typeof responseMappingSchema>
