import { BodyTexts } from './body-texts.ts'
import {
  type Decoded,
  type JsonPath,
  type LlmRequest,
  type Role,
  type TextKind,
  WRONG_SHAPE,
} from './format.ts'
import { isJsonObject, isPresent, type JsonObject } from './json-body.ts'
import { readModel } from './request-settings.ts'

/** The texts of a request that is no conversation: prompts, inputs, queries. Token ids and images are uninspectable. */
export class RequestTexts extends BodyTexts {
  constructor() {
    super('request')
  }

  add(message: number, path: JsonPath, text: string, role: Role = 'user', kind: TextKind = 'content'): void {
    this.push({ message, role, kind, text, path })
  }
}

/**
 * What a person wrote where an API takes one text or many: a string, a list of strings, token ids (`number[]`, or a
 * list of such), objects with a `text` or a `content`. Messages are counted from `message` on. Undefined and null are
 * no text.
 */
export function gatherInput(into: RequestTexts, input: unknown, path: JsonPath, message = 0): void {
  if (!Array.isArray(input)) {
    gatherItem(into, input, path, message)
    return
  }
  if (input.length > 0 && isTokens(input)) into.uninspectable++
  else for (const [index, item] of input.entries()) gatherItem(into, item, [...path, index], message + index)
}

function isTokens(list: readonly unknown[]): boolean {
  return list.every(item => typeof item === 'number')
}

function gatherItem(into: RequestTexts, item: unknown, path: JsonPath, message: number): void {
  if (typeof item === 'string') into.add(message, path, item)
  else if (Array.isArray(item)) gatherList(into, item, path, message)
  else if (isJsonObject(item)) gatherPart(into, item, path, message)
  else if (isPresent(item)) into.addOddShape()
}

/** A list inside an item speaks with one voice. `json-body.ts` bounds the depth. */
function gatherList(into: RequestTexts, list: readonly unknown[], path: JsonPath, message: number): void {
  if (list.length > 0 && isTokens(list)) into.uninspectable++
  else for (const [index, item] of list.entries()) gatherItem(into, item, [...path, index], message)
}

const TEXT_TYPES: ReadonlySet<unknown> = new Set([undefined, null, 'text', 'input_text'])

function gatherPart(into: RequestTexts, part: JsonObject, path: JsonPath, message: number): void {
  const hasText = typeof part.text === 'string'
  if (hasText) gatherItem(into, part.text, [...path, 'text'], message)
  if (isPresent(part.content)) gatherItem(into, part.content, [...path, 'content'], message)
  else if (!hasText || !TEXT_TYPES.has(part.type)) into.uninspectable++
}

/** A request of which there is nothing to say but its texts. `streams`: what the body says, false where none can. */
export function requestOf(
  into: RequestTexts,
  model: unknown,
  streams: boolean | undefined | 'wrong-shape',
): Decoded<LlmRequest> {
  if (into.malformed || streams === 'wrong-shape') return WRONG_SHAPE
  return {
    kind: 'ok',
    value: {
      model: readModel(model),
      streams,
      choices: 1,
      segments: into.segments,
      uninspectable: into.uninspectable,
      structuredOutput: false,
      streamUsage: false,
    },
  }
}
