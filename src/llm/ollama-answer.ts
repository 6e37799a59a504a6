import { DecodedFrame, rewriteDecoded, type Told, toFrame } from './decoded-frame.ts'
import {
  type Completion,
  type Decoded,
  type Frame,
  NO_PARTS,
  type Part,
  type StreamDecoder,
  type TextEdit,
  WRONG_SHAPE,
} from './format.ts'
import { FrameReader } from './frame-reader.ts'
import { decodeJsonObject, editJson, isJsonObject, isPresent, type JsonObject } from './json-body.ts'
import { type JsonEdit, setTexts } from './json-edits.ts'
import { editNdjson, openNdjson } from './ndjson.ts'
import { type OllamaText, type OllamaTexts, readMessage } from './ollama-message.ts'

/** Chat answers say what they say in a `message`, generate answers at their root, as `response`. */
export type OllamaEndpoint = 'chat' | 'generate'

/** What an answer, or a line of one, says; `wrong-shape` where nothing in it is an answer of that endpoint. */
function readAnswer(endpoint: OllamaEndpoint, root: JsonObject): OllamaTexts | 'wrong-shape' {
  const said = endpoint === 'chat' ? root.message : root.response
  if (!isPresent(said) && !isPresent(root.error) && root.done !== true) return 'wrong-shape'
  if (endpoint === 'generate') {
    const { texts, uninspectable, oddShapes } = readMessage(root, [], 'response')
    return { texts, uninspectable: uninspectable + (isPresent(root.image) ? 1 : 0), oddShapes }
  }
  if (!isPresent(said)) return { texts: [], uninspectable: 0, oddShapes: 0 }
  return isJsonObject(said) ? readMessage(said, ['message'], 'content') : 'wrong-shape'
}

/** A whole answer; Ollama gives one choice. */
export function decodeResponse(endpoint: OllamaEndpoint, body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  const answer = readAnswer(endpoint, json.value)
  if (answer === 'wrong-shape') return WRONG_SHAPE
  const segments = answer.texts
    .filter(({ text }) => text !== '')
    .map(text => ({ message: 0, role: 'assistant' as const, ...text }))
  return { kind: 'ok', value: { segments, uninspectable: answer.uninspectable + answer.oddShapes } }
}

/** Cohere's whole answers have a `message` as well, but no `done`. */
export function claimsResponse(endpoint: OllamaEndpoint, value: unknown): boolean {
  if (!isJsonObject(value) || typeof value.done !== 'boolean' || typeof value.model !== 'string') return false
  return endpoint === 'chat' ? isJsonObject(value.message) : typeof value.response === 'string'
}

/** What a refusal that goes on with the stream must repeat. */
export interface LineFacts {
  readonly model: string | undefined
  readonly createdAt: string | undefined
}

export class OllamaFrame extends DecodedFrame<LineFacts> {}

/**
 * The blocks of content: the answer, and the tokens that `logprobs` spell. Those are a running text of their own, since
 * they come ahead of text that Ollama's parsers hold back. Each text of a tool call has a block of its own.
 */
export const ANSWER = 0
const TOKENS = 1

export function openStream(endpoint: OllamaEndpoint): StreamDecoder {
  const reader = new LineReader(endpoint)
  return new FrameReader(openNdjson(), frame => {
    const { bytes } = frame
    if (frame.kind === 'blank') return new OllamaFrame(bytes, NO_PARTS)
    return toFrame(OllamaFrame, bytes, frame.kind === 'undecodable' ? frame.reason : reader.read(frame.value))
  })
}

/** Reads the lines of one stream. */
class LineReader {
  readonly #endpoint: OllamaEndpoint
  /** A call comes whole and its texts stand apart; the `index` of calls is newer than the API. */
  #toolTexts = 0

  constructor(endpoint: OllamaEndpoint) {
    this.#endpoint = endpoint
  }

  read(line: unknown): Told<LineFacts> {
    const answer = isJsonObject(line) ? readAnswer(this.#endpoint, line) : 'wrong-shape'
    if (!isJsonObject(line) || answer === 'wrong-shape') return 'wrong-shape'
    const parts = answer.texts.map(text => this.#toDelta(text))
    const hasToolCall = answer.texts.some(({ kind }) => kind === 'tool-call')
    for (let i = 0; i < answer.uninspectable + answer.oddShapes; i++) parts.push({ kind: 'uninspectable' })
    parts.push(...readTokens(line.logprobs))
    if (hasToolCall || line.done === true) parts.push({ kind: 'finish', choice: 0 })
    if (line.done === true) parts.push({ kind: 'terminator' })
    return { parts, facts: readFacts(line) }
  }

  #toDelta({ kind, text, syntax, path }: OllamaText): Part {
    const block = kind === 'tool-call' ? this.#toolTexts++ : ANSWER
    return { kind: 'text-delta', choice: 0, textKind: kind, block, text, syntax, path }
  }
}

function readTokens(logprobs: unknown): readonly Part[] {
  if (!Array.isArray(logprobs)) return []
  return logprobs.flatMap((entry: unknown, index): Part[] => {
    const token = isJsonObject(entry) ? entry.token : undefined
    if (typeof token !== 'string' || token === '') return []
    const path = ['logprobs', index, 'token']
    return [{ kind: 'text-delta', choice: 0, textKind: 'content', block: TOKENS, text: token, path }]
  })
}

function readFacts({ model, created_at }: JsonObject): LineFacts {
  return {
    model: typeof model === 'string' && model !== '' ? model : undefined,
    createdAt: typeof created_at === 'string' && created_at !== '' ? created_at : undefined,
  }
}

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  const isAnswer = edits.some(({ path }) => ANSWER_ROOTS.has(path[0]!))
  return editJson(body, isAnswer ? withoutCopies(edits) : setTexts(edits))
}

/** Where the texts of an answer begin, and none of a request. */
const ANSWER_ROOTS: ReadonlySet<string | number> = new Set(['message', 'response', 'thinking', 'tool_calls'])

/** A line's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  return rewriteDecoded(OllamaFrame, frame, edits, bytes => editNdjson(bytes, withoutCopies(edits)))
}

/** An edited answer loses what spells its text out again: `logprobs` in tokens, `context` in their ids. */
function withoutCopies(edits: readonly TextEdit[]): readonly JsonEdit[] {
  const texts = setTexts(edits.filter(({ path }) => path[0] !== 'logprobs'))
  return [...texts, { kind: 'clear', path: ['logprobs'] }, { kind: 'clear', path: ['context'] }]
}
