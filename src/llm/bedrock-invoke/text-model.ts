import { renderBedrockError } from '../bedrock.ts'
import { DecodedFrame, type Told } from '../decoded-frame.ts'
import {
  type Completion,
  type Decoded,
  type Frame,
  type JsonPath,
  type LlmFormat,
  type LlmRequest,
  type Part,
  type Refusal,
  type StreamPosition,
  WRONG_SHAPE,
} from '../format.ts'
import { decodeJsonBody, editJson, isJsonObject, type JsonObject } from '../json-body.ts'
import { setTexts } from '../json-edits.ts'
import { errorOrWrong, openJsonEvents, rewriteEvent } from '../json-events.ts'
import { assertOwnPosition } from '../own-position.ts'
import { readModel } from '../request-settings.ts'
import { responseShape } from '../response-shape.ts'
import { decodeRequestObject } from '../strict-json.ts'

/** A model that goes on with one prompt, and says nothing but text. */
interface TextModel {
  readonly name: string
  /** The prompt's key in a request. */
  readonly prompt: string
  /** The list of results in an answer; undefined where the answer is the result. */
  readonly results: string | undefined
  /** The same for an event of a stream. */
  readonly streamed: string | undefined
  readonly text: string
  /** Why the text ended; null or absent while it goes on. */
  readonly finish: string
  readonly finishReasons: { readonly refused: string; readonly stopped: string }
}

/** Amazon Titan Text. */
export const titanText = textModel({
  name: 'titan-text',
  prompt: 'inputText',
  results: 'results',
  streamed: undefined,
  text: 'outputText',
  finish: 'completionReason',
  finishReasons: { refused: 'CONTENT_FILTERED', stopped: 'FINISH' },
})

/** Meta Llama; the API has no word for a refusal. */
export const llamaText = textModel({
  name: 'llama-text',
  prompt: 'prompt',
  results: undefined,
  streamed: undefined,
  text: 'generation',
  finish: 'stop_reason',
  finishReasons: { refused: 'stop', stopped: 'stop' },
})

/** Mistral's first models; the same. */
export const mistralText = textModel({
  name: 'mistral-text',
  prompt: 'prompt',
  results: 'outputs',
  streamed: 'outputs',
  text: 'text',
  finish: 'stop_reason',
  finishReasons: { refused: 'stop', stopped: 'stop' },
})

/** A provider's format, to stand inside an invoke format. */
function textModel(model: TextModel): LlmFormat {
  return {
    name: model.name,
    decodeRequest: body => decodeRequest(model, body),
    shapeOf: responseShape,
    decodeResponse: body => decodeResponse(model, body),
    openStream: () => openJsonEvents(DecodedFrame, event => readEvent(model, event)),
    openPosition: () => new TextPosition(),
    refusal: (refusal, shape) =>
      shape === 'json'
        ? { contentType: 'application/json', body: encode(answerOf(model, model.results, refusal)) }
        : { contentType: 'text/event-stream', body: refuseStream(model, refusal, new TextPosition()) },
    streamRefusal: (refusal, at) => refuseStream(model, refusal, at),
    error: renderBedrockError,
    rewrite: (body, edits) => editJson(body, setTexts(edits)),
    rewriteFrame: (frame, edits) => rewriteEvent(DecodedFrame, frame, edits, () => setTexts(edits)),
    heartbeat: undefined,
    claimsResponse: value => resultsIn(value, model.results, model.text) !== undefined,
  }
}

function decodeRequest(model: TextModel, body: Uint8Array): Decoded<LlmRequest> {
  const json = decodeRequestObject(body)
  if (json.kind !== 'ok') return json
  const root = json.value
  const prompt = root[model.prompt]
  if (typeof prompt !== 'string') return WRONG_SHAPE
  const segment = { message: 0, role: 'user', kind: 'content', text: prompt, path: [model.prompt] } as const
  return {
    kind: 'ok',
    value: {
      model: readModel(root.model),
      streams: typeof root.stream === 'boolean' ? root.stream : undefined,
      choices: 1,
      segments: prompt === '' ? [] : [segment],
      uninspectable: Array.isArray(root.images) ? root.images.length : 0,
      structuredOutput: false,
      streamUsage: false,
    },
  }
}

function decodeResponse(model: TextModel, body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonBody(body)
  if (json.kind !== 'ok') return json
  const results = resultsIn(json.value, model.results, model.text)
  if (results === undefined) return WRONG_SHAPE
  const segments = results.flatMap(({ text, path }, message) =>
    text === '' ? [] : [{ message, role: 'assistant', kind: 'content', text, path } as const],
  )
  return { kind: 'ok', value: { segments, uninspectable: 0 } }
}

interface Result {
  readonly text: string
  readonly path: JsonPath
  readonly fields: { readonly [key: string]: unknown }
}

/** The results in an answer or an event; undefined when it is none of this model's. */
function resultsIn(value: unknown, list: string | undefined, key: string): readonly Result[] | undefined {
  if (!isJsonObject(value)) return undefined
  const items: unknown = list === undefined ? [value] : value[list]
  if (!Array.isArray(items)) return undefined
  const results: Result[] = []
  for (const [index, fields] of items.entries()) {
    const text = isJsonObject(fields) ? (fields[key] ?? '') : undefined
    if (!isJsonObject(fields) || typeof text !== 'string' || !Object.hasOwn(fields, key)) return undefined
    results.push({ text, path: list === undefined ? [key] : [list, index, key], fields })
  }
  return results
}

function readEvent(model: TextModel, event: JsonObject): Told<undefined> {
  if (!Object.hasOwn(event, model.streamed ?? model.text)) return errorOrWrong(event)
  const results = resultsIn(event, model.streamed, model.text)
  return results === undefined
    ? 'wrong-shape'
    : { parts: results.flatMap((result, choice) => partsOf(model, result, choice)) }
}

function partsOf(model: TextModel, { text, path, fields }: Result, choice: number): readonly Part[] {
  const said: Part = { kind: 'text-delta', choice, textKind: 'content', block: 0, text, path }
  const ended: readonly Part[] = [{ kind: 'finish', choice }, { kind: 'terminator' }]
  return [...(text === '' ? [] : [said]), ...(typeof fields[model.finish] === 'string' ? ended : [])]
}

class TextPosition implements StreamPosition {
  hasText = false
  ended = false

  released({ parts }: Frame): void {
    for (const { kind } of parts) {
      if (kind === 'text-delta') this.hasText = true
      else if (kind === 'terminator') this.ended = true
    }
  }
}

function refuseStream(model: TextModel, refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, TextPosition)
  if (at.ended) return new Uint8Array(0)
  const message = at.hasText ? `\n\n${refusal.message}` : refusal.message
  return encode(answerOf(model, model.streamed, { ...refusal, message }), json => `data: ${json}\n\n`)
}

function answerOf(model: TextModel, list: string | undefined, refusal: Refusal): object {
  const { refused, stopped } = model.finishReasons
  const reason = refusal.finishReason === 'stop' ? stopped : refused
  const result = { [model.text]: refusal.message, [model.finish]: reason }
  return list === undefined ? result : { [list]: [result] }
}

function encode(answer: object, frame = (json: string) => json): Uint8Array {
  return new TextEncoder().encode(frame(JSON.stringify(answer)))
}
