import type { MessageTexts, Speaker } from '../body-texts.ts'
import type { JsonPath, TextKind } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject, textsInside } from '../json-body.ts'

/** Reads every text of a request's or a response's message, in the order in which they are said. */
export function gatherMessage(into: MessageTexts, message: JsonObject, speaker: Speaker): void {
  into.addText(speaker, 'reasoning', ['tool_plan'], message.tool_plan)
  gatherContent(into, message.content, speaker)
  gatherToolCalls(into, message.tool_calls, speaker)
  gatherCitations(into, message.citations, speaker)
}

/** A string, or blocks of which some are text. The API also takes a block without a list around it. */
function gatherContent(into: MessageTexts, content: unknown, speaker: Speaker): void {
  if (isJsonObject(content)) gatherBlock(into, content, speaker, ['content'])
  else if (!Array.isArray(content)) {
    into.addText(speaker, contentKind(speaker), ['content'], content)
  } else {
    for (const [index, block] of content.entries()) gatherBlock(into, block, speaker, ['content', index])
  }
}

function contentKind({ role }: Speaker): TextKind {
  return role === 'tool' ? 'tool-result' : 'content'
}

function gatherBlock(into: MessageTexts, block: unknown, speaker: Speaker, place: JsonPath): void {
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

/** The text itself, or an object whose fields the model gets to see, all but the id that citations name. */
export function gatherDocument(
  into: MessageTexts,
  document: unknown,
  speaker: Speaker,
  place: JsonPath,
): void {
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

function gatherToolCalls(into: MessageTexts, calls: unknown, speaker: Speaker): void {
  if (isPresent(calls) && !Array.isArray(calls)) into.addOddShape()
  if (!Array.isArray(calls)) return
  for (const [index, call] of calls.entries()) {
    if (!isJsonObject(call) || !isJsonObject(call.function)) into.addOddShape()
    else into.addArguments(speaker, ['tool_calls', index, 'function', 'arguments'], call.function.arguments)
  }
}

/** The passage cited, which the answer has as well, and what it was taken from. */
function gatherCitations(into: MessageTexts, citations: unknown, speaker: Speaker): void {
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
