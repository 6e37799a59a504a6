import { withTexts } from './edited-parts.ts'
import {
  type Completion,
  type Decoded,
  type Frame,
  NO_PARTS,
  type Part,
  type StreamDecoder,
  type TextEdit,
} from './format.ts'
import { decodeJsonBody, editJson, isJsonObject, type JsonObject } from './json-body.ts'
import type { JsonEdit } from './json-edits.ts'
import { editNdjson, type NdjsonFrame, openNdjson } from './ndjson.ts'
import { isPresent, type OllamaText, type OllamaTexts, readMessage } from './ollama-message.ts'

/** Chat answers say what they say in a `message`, generate answers at their root, as `response`. */
export type OllamaEndpoint = 'chat' | 'generate'

const WRONG_SHAPE = { kind: 'undecodable', reason: 'wrong-shape' } as const

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
  const json = decodeJsonBody(body)
  if (json.kind !== 'ok') return json
  const answer = isJsonObject(json.value) ? readAnswer(endpoint, json.value) : 'wrong-shape'
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

/** What a line told its reader beside text: what a refusal that goes on with the stream must repeat. */
export interface LineFacts {
  readonly model: string | undefined
  readonly createdAt: string | undefined
}

/** A frame that remembers the facts of its line, so that releasing it does not parse it a second time. */
export class OllamaFrame implements Frame {
  readonly bytes: Uint8Array
  readonly parts: readonly Part[]
  /** Undefined when the frame holds no object. */
  readonly facts: LineFacts | undefined

  constructor(bytes: Uint8Array, parts: readonly Part[], facts?: LineFacts) {
    this.bytes = bytes
    this.parts = parts
    this.facts = facts
  }
}

/**
 * The blocks of content: the answer, and the tokens that `logprobs` spell. Those are a running text of their own, since
 * they come ahead of text that Ollama's parsers hold back. Each text of a tool call has a block of its own.
 */
export const ANSWER = 0
const TOKENS = 1

export function openStream(endpoint: OllamaEndpoint): StreamDecoder {
  return new OllamaStream(endpoint)
}

class OllamaStream implements StreamDecoder {
  readonly #framer = openNdjson()
  readonly #endpoint: OllamaEndpoint
  /** A call comes whole and its texts stand apart; the `index` of calls is newer than the API. */
  #toolTexts = 0

  constructor(endpoint: OllamaEndpoint) {
    this.#endpoint = endpoint
  }

  get buffered(): number {
    return this.#framer.buffered
  }

  push(chunk: Uint8Array): readonly Frame[] {
    return this.#framer.push(chunk).map(frame => this.#read(frame))
  }

  end(): readonly Frame[] {
    return this.#framer.end().map(frame => this.#read(frame))
  }

  #read(frame: NdjsonFrame): Frame {
    if (frame.kind === 'blank') return new OllamaFrame(frame.bytes, NO_PARTS)
    if (frame.kind === 'undecodable') return new OllamaFrame(frame.bytes, [undecodable(frame.reason)])
    const line = frame.value
    const answer = isJsonObject(line) ? readAnswer(this.#endpoint, line) : 'wrong-shape'
    if (!isJsonObject(line) || answer === 'wrong-shape') {
      return new OllamaFrame(frame.bytes, [undecodable('wrong-shape')])
    }
    const parts = answer.texts.map(text => this.#toDelta(text))
    const hasToolCall = answer.texts.some(({ kind }) => kind === 'tool-call')
    for (let i = 0; i < answer.uninspectable + answer.oddShapes; i++) parts.push({ kind: 'uninspectable' })
    parts.push(...readTokens(line.logprobs))
    if (hasToolCall || line.done === true) parts.push({ kind: 'finish', choice: 0 })
    if (line.done === true) parts.push({ kind: 'terminator' })
    return new OllamaFrame(frame.bytes, parts, readFacts(line))
  }

  #toDelta({ kind, text, syntax, path }: OllamaText): Part {
    const block = kind === 'tool-call' ? this.#toolTexts++ : ANSWER
    return { kind: 'text-delta', choice: 0, textKind: kind, block, text, syntax, path }
  }
}

function undecodable(reason: Extract<Part, { kind: 'undecodable' }>['reason']): Part {
  return { kind: 'undecodable', reason }
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

export function readFacts({ model, created_at }: JsonObject): LineFacts {
  return {
    model: typeof model === 'string' && model !== '' ? model : undefined,
    createdAt: typeof created_at === 'string' && created_at !== '' ? created_at : undefined,
  }
}

/** A request or response body with texts replaced. */
export function rewrite(body: Uint8Array, edits: readonly TextEdit[]): Uint8Array {
  const isAnswer = edits.some(({ path }) => ANSWER_ROOTS.has(path[0]!))
  return editJson(body, isAnswer ? withoutCopies(edits) : edits.map(setText))
}

/** Where the texts of an answer begin, and none of a request. */
const ANSWER_ROOTS: ReadonlySet<string | number> = new Set(['message', 'response', 'thinking', 'tool_calls'])

/** A line's frame with texts replaced. */
export function rewriteFrame(frame: Frame, edits: readonly TextEdit[]): Frame {
  if (edits.length === 0) return frame
  const parts = withTexts(frame.parts, edits)
  const bytes = editNdjson(frame.bytes, withoutCopies(edits))
  return frame instanceof OllamaFrame ? new OllamaFrame(bytes, parts, frame.facts) : { bytes, parts }
}

function setText(edit: TextEdit): JsonEdit {
  return { kind: 'set-text', ...edit }
}

/** An edited answer loses what spells its text out again: `logprobs` in tokens, `context` in their ids. */
function withoutCopies(edits: readonly TextEdit[]): readonly JsonEdit[] {
  const texts = edits.filter(({ path }) => path[0] !== 'logprobs').map(setText)
  return [...texts, { kind: 'clear', path: ['logprobs'] }, { kind: 'clear', path: ['context'] }]
}
