import type { LlmRequest } from './format.ts'
import { isJsonObject, isPresent, type JsonObject } from './json-body.ts'
import { readModel } from './request-settings.ts'

/** What the requests of both endpoints say beside text. */
export function readSettings(
  root: JsonObject,
): Omit<LlmRequest, 'segments' | 'uninspectable'> | 'wrong-shape' {
  const { model, stream, format } = root
  if (isPresent(stream) && typeof stream !== 'boolean') return 'wrong-shape'
  return {
    model: readModel(model),
    // Unlike any other API, Ollama streams unless told not to.
    streams: stream !== false,
    choices: 1,
    structuredOutput: isJsonObject(format),
    // The last line always has the metrics.
    streamUsage: false,
  }
}
