import type { JsonPath, Role, TextKind, TextSegment, TextSyntax } from '../format.ts'
import { isJsonObject, type JsonObject, textsInside } from '../json-body.ts'

/** Whose message is read: its index and role for the segments, its place in the body for their paths. */
export interface Speaker {
  readonly message: number
  readonly role: Role
  readonly path: JsonPath
}

/** The texts of a body, gathered message by message. */
export class Gathering {
  readonly segments: TextSegment[] = []
  /** Parts that hold something no guard can read. */
  uninspectable = 0
  /** A text stood in a shape that this API does not have: the body must count as undecodable. */
  malformed = false
  readonly #oddShape: 'malformed' | 'uninspectable'

  /** `oddShape` says what a value of the wrong type makes of the body: the API refuses such a request. */
  constructor(oddShape: 'malformed' | 'uninspectable') {
    this.#oddShape = oddShape
  }

  add(speaker: Speaker, kind: TextKind, place: JsonPath, text: string, syntax?: TextSyntax): void {
    if (text === '') return
    const { message, role, path } = speaker
    this.segments.push({ message, role, kind, text, syntax, path: [...path, ...place] })
  }

  addOddShape(): void {
    if (this.#oddShape === 'malformed') this.malformed = true
    else this.uninspectable++
  }
}

/** Reads every text of a request's or a response's message, in the order in which they are said. */
export function gatherMessage(into: Gathering, message: JsonObject, speaker: Speaker): void {
  gatherText(into, message.tool_plan, speaker, 'reasoning', ['tool_plan'])
  gatherContent(into, message.content, speaker)
  gatherToolCalls(into, message.tool_calls, speaker)
  gatherCitations(into, message.citations, speaker)
}

/** A string, or blocks of which some are text. The API also takes a block without a list around it. */
function gatherContent(into: Gathering, content: unknown, speaker: Speaker): void {
  if (isJsonObject(content)) gatherBlock(into, content, speaker, ['content'])
  else if (!Array.isArray(content)) {
    gatherText(into, content, speaker, contentKind(speaker), ['content'])
  } else {
    for (const [index, block] of content.entries()) gatherBlock(into, block, speaker, ['content', index])
  }
}

function contentKind({ role }: Speaker): TextKind {
  return role === 'tool' ? 'tool-result' : 'content'
}

function gatherBlock(into: Gathering, block: unknown, speaker: Speaker, place: JsonPath): void {
  const kind = contentKind(speaker)
  if (typeof block === 'string') into.add(speaker, kind, place, block)
  else if (!isJsonObject(block)) into.addOddShape()
  else if (block.type === 'document') gatherDocument(into, block.document, speaker, [...place, 'document'])
  else if (block.type === 'text' || block.type === 'thinking') {
    const text = block[block.type]
    const textKind = block.type === 'text' ? kind : 'reasoning'
    if (typeof text === 'string') into.add(speaker, textKind, [...place, block.type], text)
    else into.addOddShape()
  } else {
    into.uninspectable++
    if (typeof block.text === 'string') into.add(speaker, kind, [...place, 'text'], block.text)
  }
}

function gatherText(into: Gathering, text: unknown, speaker: Speaker, kind: TextKind, place: JsonPath): void {
  if (typeof text === 'string') into.add(speaker, kind, place, text)
  else if (isPresent(text)) into.addOddShape()
}

/** The text itself, or an object whose fields the model gets to see, all but the id that citations name. */
export function gatherDocument(into: Gathering, document: unknown, speaker: Speaker, place: JsonPath): void {
  const kind = contentKind(speaker)
  if (typeof document === 'string') into.add(speaker, kind, place, document)
  else if (!isJsonObject(document)) into.addOddShape()
  else {
    const fields = Object.entries(document).filter(([key]) => key !== 'id')
    for (const [key, value] of fields) {
      for (const { path, text } of textsInside(value, [...place, key])) into.add(speaker, kind, path, text)
    }
  }
}

function gatherToolCalls(into: Gathering, calls: unknown, speaker: Speaker): void {
  if (isPresent(calls) && !Array.isArray(calls)) into.addOddShape()
  if (!Array.isArray(calls)) return
  for (const [index, call] of calls.entries()) {
    if (!isJsonObject(call) || !isJsonObject(call.function)) into.addOddShape()
    else gatherArguments(into, call.function.arguments, speaker, ['tool_calls', index, 'function'])
  }
}

/** Arguments are JSON inside a string; lenient servers also take and send the bare object. */
function gatherArguments(into: Gathering, called: unknown, speaker: Speaker, place: JsonPath): void {
  const syntax = typeof called === 'string' ? 'json' : undefined
  for (const { path, text } of textsInside(called, [...place, 'arguments'])) {
    into.add(speaker, 'tool-call', path, text, syntax)
  }
}

/** The passage cited, which the answer has as well, and what it was taken from. */
function gatherCitations(into: Gathering, citations: unknown, speaker: Speaker): void {
  if (isPresent(citations) && !Array.isArray(citations)) into.addOddShape()
  if (!Array.isArray(citations)) return
  for (const [index, citation] of citations.entries()) {
    const texts = citationTexts(citation, ['citations', index])
    if (texts === undefined) into.addOddShape()
    for (const { path, text } of texts ?? []) into.add(speaker, 'content', path, text)
  }
}

/** The texts of one citation; undefined for anything else. */
export function citationTexts(
  citation: unknown,
  place: JsonPath,
): readonly { readonly path: JsonPath; readonly text: string }[] | undefined {
  if (!isJsonObject(citation)) return undefined
  const own = typeof citation.text === 'string' ? [{ path: [...place, 'text'], text: citation.text }] : []
  return [...own, ...textsInside(citation.sources, [...place, 'sources']).filter(isSourceText)]
}

/** `type` and `id` of a source itself say nothing: what it was is inside `document` or `tool_output`. */
function isSourceText({ path }: { readonly path: JsonPath }): boolean {
  const inSource = path.slice(path.indexOf('sources') + 2)
  return inSource.length !== 1 || (inSource[0] !== 'type' && inSource[0] !== 'id')
}

export function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}
