import type { LlmRequest, Role } from './format.ts'
import { isJsonObject, isPresent, type JsonObject } from './json-body.ts'

/** What the requests of OpenAI's APIs say alike. */

/** The API's own bound on `n`, and so on the choices of an answer. */
export const MAX_CHOICES = 128

/** How many answers are asked for. */
export function readChoiceCount(n: unknown): number | 'wrong-shape' {
  if (!isPresent(n)) return 1
  return typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= MAX_CHOICES ? n : 'wrong-shape'
}

/** What a chat and a completion are asked for beside texts. */
export function readAnswerSettings({
  response_format,
  stream_options,
}: JsonObject): Pick<LlmRequest, 'structuredOutput' | 'streamUsage'> {
  return {
    structuredOutput: isJsonObject(response_format) && response_format.type === 'json_schema',
    streamUsage: isJsonObject(stream_options) && stream_options.include_usage === true,
  }
}

const ROLES: ReadonlyMap<unknown, Role> = new Map<unknown, Role>([
  ['system', 'system'],
  ['developer', 'developer'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool'],
  ['function', 'tool'],
])

/** `function` is the old name of `tool`. A role that is not known is `user`. */
export function readRole(role: unknown): Role {
  return ROLES.get(role) ?? 'user'
}
