import type { Decoded, LlmRequest } from './format.ts'
import { isJsonObject, type JsonObject } from './json-body.ts'
import { isPresent } from './ollama-message.ts'
import { decodeRequestJson } from './strict-json.ts'

export const WRONG_SHAPE = { kind: 'undecodable', reason: 'wrong-shape' } as const

/** The root of a request body. Ollama is written in Go, which takes keys in any case: they are read strictly. */
export function decodeRoot(body: Uint8Array): Decoded<JsonObject> {
  const json = decodeRequestJson(body)
  if (json.kind !== 'ok') return json
  return isJsonObject(json.value) ? { kind: 'ok', value: json.value } : WRONG_SHAPE
}

/** What both endpoints say beside text. */
export function readSettings(
  root: JsonObject,
): Omit<LlmRequest, 'segments' | 'uninspectable'> | 'wrong-shape' {
  const { model, stream, format } = root
  if (isPresent(stream) && typeof stream !== 'boolean') return 'wrong-shape'
  return {
    model: typeof model === 'string' ? model : undefined,
    // Unlike any other API, Ollama streams unless told not to.
    streams: stream !== false,
    choices: 1,
    structuredOutput: isJsonObject(format),
    // The last line always has the metrics.
    streamUsage: false,
  }
}
