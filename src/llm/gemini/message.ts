import { BodyTexts } from '../body-texts.ts'
import type { JsonPath, Role, TextKind } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject, type JsonText, textsInside } from '../json-body.ts'

/** The texts of a body, gathered message by message. */
export class Gathering extends BodyTexts {
  add(message: number, role: Role, kind: TextKind, { path, text }: JsonText): void {
    this.push({ message, role, kind, text, path })
  }
}

/** One `functionCall`, or what stands for one: a call of the API's own tools, code that it runs. */
export interface Call {
  /** Of the call as a whole. */
  readonly path: JsonPath
  /** Every string of the arguments. */
  readonly texts: readonly JsonText[]
  /** Fragments of arguments that are streamed piece by piece. */
  readonly fragments: readonly Fragment[]
  readonly id: string | undefined
  /** Its function is named: the first piece of a streamed call does so, and with some servers every piece. */
  readonly isNamed: boolean
  /** It is a piece of a streamed call. The last piece may say nothing at all. */
  readonly isPiece: boolean
  /** More pieces of it follow. */
  readonly continues: boolean
}

export interface Fragment extends JsonText {
  /** The argument that it belongs to, as in `$.city`. */
  readonly argument: string
}

/** What takes the meanings of a message's parts, in order. Paths begin at the body's root. */
export interface PartSink {
  /** The message's own words, which run on from part to part. `transcript`: what its sound says. */
  said(kind: 'content' | 'reasoning' | 'transcript', { path, text }: JsonText): void
  /** A text that runs on nowhere, such as the title of a cited page. */
  aside(text: JsonText): void
  called(call: Call): void
  /** What one tool gave back. */
  returned(texts: readonly JsonText[]): void
  /** Something that no guard can read. */
  uninspectable(): void
  /** A value of a type that the API does not have there. */
  oddShape(): void
}

/** A value of a body and where it stands. */
export interface Place {
  readonly value: unknown
  readonly path: JsonPath
}

/** `place` is the path of the value. */
type Reader = (sink: PartSink, value: unknown, place: JsonPath, part: JsonObject) => void

/** The API takes every key in camel case and in snake case; of a pair both are read. */
const READERS: ReadonlyMap<string, Reader> = new Map(
  Object.entries({
    text: readText,
    functionCall: readObject(readFunctionCall),
    toolCall: readObject(readFunctionCall),
    executableCode: readObject(readCode),
    functionResponse: readObject(readFunctionResponse),
    toolResponse: readObject(readFunctionResponse),
    codeExecutionResult: readObject(readCodeResult),
    audioTranscription: readObject(readTranscription),
    inlineData: readOpaque,
    fileData: readOpaque,
  }).flatMap(([key, reader]): [string, Reader][] => [
    [key, reader],
    [snakeCase(key), reader],
  ]),
)

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

/** The values of a key in both spellings, each with its place; null counts as absent, as it does for the API. */
export function fieldsOf(object: JsonObject, key: string, path: JsonPath): readonly Place[] {
  return [...new Set([key, snakeCase(key)])].flatMap(spelling => {
    const value = object[spelling]
    return isPresent(value) ? [{ value, path: [...path, spelling] }] : []
  })
}

/** The entries of a list, or, as the API also takes it, the one entry that stands there alone. */
export function entriesOf(value: unknown, path: JsonPath): readonly Place[] {
  if (Array.isArray(value))
    return value.map((entry: unknown, index) => ({ value: entry, path: [...path, index] }))
  return isPresent(value) ? [{ value, path }] : []
}

/** The parts of a `Content`. */
export function readParts(sink: PartSink, content: unknown, path: JsonPath): void {
  if (!isJsonObject(content)) {
    sink.oddShape()
    return
  }
  for (const part of entriesOf(content.parts, [...path, 'parts'])) readPart(sink, part)
}

/**
 * A part holds one value, and settings beside it. A `thoughtSignature` is such a setting: it seals what the part says
 * and is no text of its own. A part whose value this room does not know is one that no guard can read.
 */
function readPart(sink: PartSink, { value: part, path }: Place): void {
  if (!isJsonObject(part)) {
    sink.oddShape()
    return
  }
  let isKnown = false
  for (const [key, value] of Object.entries(part)) {
    const reader = isPresent(value) ? READERS.get(key) : undefined
    if (reader === undefined) continue
    isKnown = true
    reader(sink, value, [...path, key], part)
  }
  if (!isKnown) sink.uninspectable()
}

function readText(sink: PartSink, text: unknown, path: JsonPath, part: JsonObject): void {
  if (typeof text === 'string') sink.said(part.thought === true ? 'reasoning' : 'content', { path, text })
  else sink.oddShape()
}

function readOpaque(sink: PartSink): void {
  sink.uninspectable()
}

function readObject(read: (sink: PartSink, value: JsonObject, place: JsonPath) => void): Reader {
  return (sink, value, place) => {
    if (isJsonObject(value)) read(sink, value, place)
    else sink.oddShape()
  }
}

function readFunctionCall(sink: PartSink, call: JsonObject, place: JsonPath): void {
  const pieces = fieldsOf(call, 'partialArgs', place).flatMap(({ value, path }) => entriesOf(value, path))
  const continues = willContinue(call) || pieces.some(({ value }) => willContinue(value))
  sink.called({
    path: place,
    texts: textsInside(call.args, [...place, 'args']),
    fragments: pieces.flatMap(fragmentsOf),
    id: typeof call.id === 'string' ? call.id : undefined,
    isNamed: typeof call.name === 'string' && call.name !== '',
    isPiece: continues || pieces.length > 0,
    continues,
  })
}

function willContinue(value: unknown): boolean {
  return isJsonObject(value) && fieldsOf(value, 'willContinue', []).some(field => field.value === true)
}

function fragmentsOf({ value: arg, path: place }: Place): readonly Fragment[] {
  if (!isJsonObject(arg)) return []
  const argument = fieldsOf(arg, 'jsonPath', place)
    .map(({ value }) => (typeof value === 'string' ? value : ''))
    .join()
  return fieldsOf(arg, 'stringValue', place).flatMap(({ value, path }) =>
    typeof value === 'string' ? [{ argument, path, text: value }] : [],
  )
}

function readCode(sink: PartSink, { code }: JsonObject, place: JsonPath): void {
  const texts = textsInside(code, [...place, 'code'])
  sink.called({
    path: place,
    texts,
    fragments: [],
    id: undefined,
    isNamed: true,
    isPiece: false,
    continues: false,
  })
}

/** A result may bring pictures and files along, in parts of its own. */
function readFunctionResponse(sink: PartSink, result: JsonObject, place: JsonPath): void {
  const parts = entriesOf(result.parts, [...place, 'parts'])
  sink.returned([
    ...textsInside(result.response, [...place, 'response']),
    ...parts.flatMap(({ value, path }) =>
      isJsonObject(value) ? textsInside(value.text, [...path, 'text']) : [],
    ),
  ])
  for (const _ of parts) sink.uninspectable()
}

function readCodeResult(sink: PartSink, { output }: JsonObject, place: JsonPath): void {
  sink.returned(textsInside(output, [...place, 'output']))
}

/** `words` are the same words one by one. */
function readTranscription(sink: PartSink, { text, words }: JsonObject, place: JsonPath): void {
  if (typeof text === 'string') sink.said('transcript', { path: [...place, 'text'], text })
  else if (isPresent(text)) sink.oddShape()
  for (const word of textsInside(words, [...place, 'words'])) sink.aside(word)
}
