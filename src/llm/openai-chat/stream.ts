import { DecodedFrame, type Told } from '../decoded-frame.ts'
import type { JsonPath, Part, StreamDecoder, TextKind, TextSyntax } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { errorOrWrong, openJsonEvents } from '../json-events.ts'
import { type ChunkFacts, readChunkFacts } from '../openai-chunk.ts'
import { MAX_CHOICES } from '../openai-request.ts'
import { citationTexts, isOpaqueReasoning, reasoningDetailTexts } from './message.ts'

/** What a refusal that goes on with a chat's stream must repeat or keep to. */
export interface ChatFacts extends ChunkFacts {
  /** The choices whose role the chunk names. */
  readonly roles: readonly number[]
}

export class ChatFrame extends DecodedFrame<ChatFacts> {}

/**
 * The blocks of a choice's texts. The fragments of one block are one running text; texts that a chunk may carry
 * side by side must not share one, or the one would hide in the other what only shows when fragments meet.
 *
 * - content: 0 the answer, 1 the transcript of its sound, from CITATIONS on one block per cited page
 * - reasoning: 0 `reasoning_content`, 1 `reasoning`, from REASONING_DETAILS on by the detail's index
 * - tool-call: the call's index, LEGACY_FUNCTION for `function_call`
 * - each of them plus WHOLE_MESSAGE, for a `message` that some servers send instead of or beside `delta`
 */
const TRANSCRIPT = 1
const CITATIONS = 2
const REASONING_DETAILS = 2
const MAX_INDEX = 65_535
const LEGACY_FUNCTION = MAX_INDEX + 1
const WHOLE_MESSAGE = 1 << 24

/** Where a choice says something. */
const SAYINGS = ['delta', 'message'] as const
/** Places that every chunk is asked for. */
const CONTENT: JsonPath = ['content']
const REFUSAL: JsonPath = ['refusal']
const REASONING_CONTENT: JsonPath = ['reasoning_content']
const REASONING: JsonPath = ['reasoning']

export function openStream(): StreamDecoder {
  const reader = new ChunkReader()
  return openJsonEvents(ChatFrame, chunk => reader.read(chunk))
}

/** Reads the chunks of one stream. */
class ChunkReader {
  /** Citations come whole, each a text of its own, and carry no index. */
  #citations = 0

  read(chunk: JsonObject): Told<ChatFacts> {
    if (Array.isArray(chunk.choices)) return this.#readChoices(chunk, chunk.choices)
    return errorOrWrong(chunk)
  }

  #readChoices(chunk: JsonObject, choices: readonly unknown[]): Told<ChatFacts> {
    const parts: Part[] = []
    const roles: number[] = []
    for (let position = 0; position < choices.length; position++) {
      const choice: unknown = choices[position]
      const index = isJsonObject(choice) ? choiceIndex(choice.index, position) : undefined
      if (!isJsonObject(choice) || index === undefined) return 'wrong-shape'
      for (const key of SAYINGS) {
        const said = choice[key]
        if (!isPresent(said)) continue
        if (!isJsonObject(said)) return 'wrong-shape'
        if (typeof said.role === 'string' && said.role !== '') roles.push(index)
        const blocks = key === 'delta' ? 0 : WHOLE_MESSAGE
        this.#readSaid({ parts, choice: index, blocks, path: ['choices', position, key] }, said)
      }
      // Some servers write an empty one where others leave it out.
      if (isPresent(choice.finish_reason) && choice.finish_reason !== '')
        parts.push({ kind: 'finish', choice: index })
    }
    return { parts, facts: { ...readChunkFacts(chunk), roles } }
  }

  #readSaid(sink: Sink, said: JsonObject): void {
    readReasoning(sink, said)
    readContent(sink, said.content)
    readText(sink, 'refusal', 0, said.refusal, REFUSAL)
    readAudio(sink, said.audio)
    if (Array.isArray(said.annotations)) {
      for (const [position, annotation] of said.annotations.entries())
        this.#readAnnotation(sink, annotation, position)
    }
    readToolCalls(sink, said.tool_calls)
    if (isJsonObject(said.function_call)) {
      readArguments(sink, LEGACY_FUNCTION, said.function_call.arguments, ['function_call', 'arguments'])
    } else if (isPresent(said.function_call)) addUninspectable(sink)
  }

  #readAnnotation(sink: Sink, annotation: unknown, position: number): void {
    const texts = citationTexts(annotation)
    if (texts === undefined) addUninspectable(sink)
    for (const { key, text } of texts ?? []) {
      const place = ['annotations', position, 'url_citation', key]
      addText(sink, 'content', CITATIONS + this.#citations++, text, place)
    }
  }
}

/** Where the texts of one delta go: the frame's parts, the choice, what is added to each block number and path. */
interface Sink {
  readonly parts: Part[]
  readonly choice: number
  readonly blocks: number
  readonly path: JsonPath
}

/** A choice without an index stands where its place says. */
function choiceIndex(index: unknown, position: number): number | undefined {
  const choice = isPresent(index) ? index : position
  return typeof choice === 'number' && Number.isInteger(choice) && choice >= 0 && choice < MAX_CHOICES
    ? choice
    : undefined
}

function addUninspectable(sink: Sink): void {
  sink.parts.push({ kind: 'uninspectable' })
}

function readText(sink: Sink, textKind: TextKind, block: number, text: unknown, place: JsonPath): void {
  if (typeof text === 'string') addText(sink, textKind, block, text, place)
  else if (isPresent(text)) addUninspectable(sink)
}

function addText(sink: Sink, textKind: TextKind, block: number, text: string, place: JsonPath): void {
  if (text === '') return
  const { choice, blocks } = sink
  const path = [...sink.path, ...place]
  sink.parts.push({ kind: 'text-delta', choice, textKind, block: blocks + block, text, path })
}

function readContent(sink: Sink, content: unknown): void {
  if (!Array.isArray(content)) {
    readText(sink, 'content', 0, content, CONTENT)
    return
  }
  for (const [position, part] of content.entries()) readContentPart(sink, part, ['content', position])
}

function readContentPart(sink: Sink, part: unknown, place: JsonPath): void {
  if (typeof part === 'string') addText(sink, 'content', 0, part, place)
  else if (!isJsonObject(part)) addUninspectable(sink)
  else if (part.type === 'text') readText(sink, 'content', 0, part.text, [...place, 'text'])
  else if (part.type === 'refusal') readText(sink, 'refusal', 0, part.refusal, [...place, 'refusal'])
  else {
    addUninspectable(sink)
    if (typeof part.text === 'string') addText(sink, 'content', 0, part.text, [...place, 'text'])
  }
}

function readReasoning(sink: Sink, said: JsonObject): void {
  readText(sink, 'reasoning', 0, said.reasoning_content, REASONING_CONTENT)
  readText(sink, 'reasoning', 1, said.reasoning, REASONING)
  if (!Array.isArray(said.reasoning_details)) return
  for (const [position, detail] of said.reasoning_details.entries()) {
    const block = REASONING_DETAILS + blockIndex(detail, position)
    for (const { key, text } of reasoningDetailTexts(detail)) {
      addText(sink, 'reasoning', block, text, ['reasoning_details', position, key])
    }
    if (isOpaqueReasoning(detail)) addUninspectable(sink)
  }
}

function readAudio(sink: Sink, audio: unknown): void {
  if (!isJsonObject(audio)) {
    if (isPresent(audio)) addUninspectable(sink)
    return
  }
  readText(sink, 'content', TRANSCRIPT, audio.transcript, ['audio', 'transcript'])
  if (isPresent(audio.data)) addUninspectable(sink)
}

function readToolCalls(sink: Sink, calls: unknown): void {
  if (isPresent(calls) && !Array.isArray(calls)) addUninspectable(sink)
  if (!Array.isArray(calls)) return
  for (const [position, call] of calls.entries()) {
    const block = blockIndex(call, position)
    const place = ['tool_calls', position] as const
    if (!isJsonObject(call)) addUninspectable(sink)
    else if (isJsonObject(call.function)) {
      readArguments(sink, block, call.function.arguments, [...place, 'function', 'arguments'])
    } else if (isJsonObject(call.custom)) {
      readToolText(sink, block, call.custom.input, undefined, [...place, 'custom', 'input'])
    } else if (isPresent(call.type) && call.type !== 'function') addUninspectable(sink)
  }
}

/** Fragments of JSON inside strings; lenient servers also send the bare object, whole. */
function readArguments(sink: Sink, block: number, called: unknown, place: JsonPath): void {
  const text = isJsonObject(called) || Array.isArray(called) ? JSON.stringify(called) : called
  readToolText(sink, block, text, 'json', place)
}

/** A call's first fragment names the tool and mostly has no text: it begins the call all the same. */
function readToolText(
  sink: Sink,
  block: number,
  text: unknown,
  syntax: TextSyntax | undefined,
  place: JsonPath,
): void {
  if (!isPresent(text)) addToolText(sink, block, '', syntax, place)
  else if (typeof text === 'string') addToolText(sink, block, text, syntax, place)
  else addUninspectable(sink)
}

function addToolText(
  { parts, choice, blocks, path }: Sink,
  block: number,
  text: string,
  syntax: TextSyntax | undefined,
  place: JsonPath,
): void {
  const part = { kind: 'text-delta', choice, textKind: 'tool-call', block: blocks + block, text } as const
  parts.push({ ...part, syntax, path: [...path, ...place] })
}

/** Some servers leave `index` out and send each entry whole: then its place tells entries apart. */
function blockIndex(entry: unknown, position: number): number {
  const index = isJsonObject(entry) ? entry.index : undefined
  const isIndex = typeof index === 'number' && Number.isInteger(index) && index >= 0 && index <= MAX_INDEX
  return isIndex ? index : Math.min(position, MAX_INDEX)
}
