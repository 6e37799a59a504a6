import { BodyTexts } from '../body-texts.ts'
import type { JsonPath, Role, TextKind } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject, textsInside } from '../json-body.ts'

/** Who says what is read next, as what, and where it stands. */
export interface Place {
  readonly role: Role
  readonly kind: TextKind
  readonly path: JsonPath
}

/**
 * The texts of a body, in the order in which they are said. In a request every message has its number, and so have the
 * tool results inside one. An answer is one message.
 */
export class Gathering extends BodyTexts {
  #message = -1
  #role: Role | undefined

  /** What is added next belongs to another message than what was added before. */
  nextMessage(): void {
    this.#role = undefined
  }

  add({ role, kind, path }: Place, text: string): void {
    if (text === '') return
    if (role !== this.#role) this.#message++
    this.#role = role
    this.push({ message: this.side === 'request' ? this.#message : 0, role, kind, text, path })
  }
}

type BlockReader = (into: Gathering, value: unknown, at: Place) => void

const uninspectable: BlockReader = into => {
  into.uninspectable++
}

/** Members of a content block, of which the API allows one a block. `json` stands in tool results only. */
const BLOCKS: ReadonlyMap<string, BlockReader> = new Map<string, BlockReader>([
  ['text', gatherText],
  ['image', uninspectable],
  ['video', uninspectable],
  ['audio', uninspectable],
  ['document', gatherDocument],
  ['toolUse', gatherToolUse],
  ['toolResult', gatherToolResult],
  ['json', gatherInside],
  ['guardContent', gatherGuardContent],
  ['reasoningContent', gatherReasoning],
  ['citationsContent', gatherCitationsContent],
  ['searchResult', gatherSearchResult],
  // Settings, and names of tools: nothing that anybody wrote.
  ['cachePoint', () => {}],
  ['toolAddition', () => {}],
  ['toolRemoval', () => {}],
])

/** A list of content blocks; absent, it says nothing. */
export function gatherBlocks(into: Gathering, blocks: unknown, at: Place): void {
  for (const [block, place] of itemsOf(into, blocks, at)) gatherBlock(into, block, place)
}

export function gatherBlock(into: Gathering, block: JsonObject, at: Place): void {
  for (const [member, value] of Object.entries(block)) {
    if (!isPresent(value)) continue
    const read = BLOCKS.get(member) ?? gatherUnknown
    read(into, value, below(at, member))
  }
}

function below(at: Place, ...steps: JsonPath): Place {
  return { ...at, path: [...at.path, ...steps] }
}

/** The objects of a list with their places. */
function itemsOf(into: Gathering, list: unknown, at: Place): readonly (readonly [JsonObject, Place])[] {
  if (!isPresent(list)) return []
  if (!Array.isArray(list)) {
    into.addOddShape()
    return []
  }
  return list.flatMap((item: unknown, index) => {
    if (isJsonObject(item)) return [[item, below(at, index)] as const]
    into.addOddShape()
    return []
  })
}

function gatherText(into: Gathering, value: unknown, at: Place): void {
  if (typeof value === 'string') into.add(at, value)
  else into.addOddShape()
}

/** Those members of an object that are text, in this order. */
function gatherTexts(into: Gathering, value: unknown, keys: readonly string[], at: Place): void {
  if (!isJsonObject(value)) {
    into.addOddShape()
    return
  }
  for (const key of keys) if (isPresent(value[key])) gatherText(into, value[key], below(at, key))
}

/** A list of `{ text }`. */
function gatherTextItems(into: Gathering, list: unknown, at: Place): void {
  for (const [item, place] of itemsOf(into, list, at)) gatherTexts(into, item, ['text'], place)
}

/** A member that came to the API later: somebody's words stand most likely in its `text`. */
function gatherUnknown(into: Gathering, value: unknown, at: Place): void {
  into.uninspectable++
  if (isJsonObject(value) && typeof value.text === 'string') into.add(below(at, 'text'), value.text)
}

function gatherInside(into: Gathering, value: unknown, at: Place): void {
  for (const { path, text } of textsInside(value, at.path)) into.add({ ...at, path }, text)
}

function gatherDocument(into: Gathering, value: unknown, at: Place): void {
  gatherTexts(into, value, ['name', 'context'], at)
  const source = isJsonObject(value) ? value.source : undefined
  if (!isJsonObject(source)) {
    into.uninspectable++
    return
  }
  if (isPresent(source.text)) gatherText(into, source.text, below(at, 'source', 'text'))
  else if (isPresent(source.content)) gatherTextItems(into, source.content, below(at, 'source', 'content'))
  // Bytes or an object in a bucket: even of a text file they cannot be redacted in place.
  else into.uninspectable++
}

function gatherToolUse(into: Gathering, value: unknown, at: Place): void {
  if (isJsonObject(value)) gatherInside(into, value.input, below({ ...at, kind: 'tool-call' }, 'input'))
  else into.addOddShape()
}

function gatherToolResult(into: Gathering, value: unknown, at: Place): void {
  const tool = { ...at, role: 'tool', kind: 'tool-result' } as const
  if (isJsonObject(value)) gatherBlocks(into, value.content, below(tool, 'content'))
  else into.addOddShape()
}

function gatherGuardContent(into: Gathering, value: unknown, at: Place): void {
  if (!isJsonObject(value)) into.addOddShape()
  else if (isPresent(value.text)) gatherTexts(into, value.text, ['text'], below(at, 'text'))
  else into.uninspectable++
}

function gatherReasoning(into: Gathering, value: unknown, at: Place): void {
  const reasoning = { ...at, kind: 'reasoning' } as const
  if (!isJsonObject(value)) into.addOddShape()
  else if (isPresent(value.reasoningText)) {
    gatherTexts(into, value.reasoningText, ['text'], below(reasoning, 'reasoningText'))
  } else into.uninspectable++
}

function gatherCitationsContent(into: Gathering, value: unknown, at: Place): void {
  if (!isJsonObject(value)) {
    into.addOddShape()
    return
  }
  gatherTextItems(into, value.content, below(at, 'content'))
  for (const [citation, place] of itemsOf(into, value.citations, below(at, 'citations'))) {
    gatherTexts(into, citation, ['title', 'source'], place)
    gatherTextItems(into, citation.sourceContent, below(place, 'sourceContent'))
    const web = isJsonObject(citation.location) ? citation.location.web : undefined
    if (isPresent(web)) gatherTexts(into, web, ['url', 'domain'], below(place, 'location', 'web'))
  }
}

function gatherSearchResult(into: Gathering, value: unknown, at: Place): void {
  gatherTexts(into, value, ['title', 'source'], at)
  if (isJsonObject(value)) gatherTextItems(into, value.content, below(at, 'content'))
}

/**
 * What Bedrock's own guardrail says it found: the answer as the model gave it, and pieces of what was said. Everything
 * else in a trace is a category, an id or a number.
 */
const TRACE_TEXTS: ReadonlySet<string> = new Set(['match', 'text', 'naturalLanguage'])

export function traceTexts(trace: unknown, path: JsonPath): readonly { path: JsonPath; text: string }[] {
  const guardrail = isJsonObject(trace) ? trace.guardrail : undefined
  if (!isJsonObject(guardrail)) return []
  const { modelOutput, ...assessments } = guardrail
  const spoken = textsInside(modelOutput, [...path, 'guardrail', 'modelOutput'])
  const found = textsInside(assessments, [...path, 'guardrail'])
  return [...spoken, ...found.filter(text => TRACE_TEXTS.has(String(text.path.at(-1))))]
}
