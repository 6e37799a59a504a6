import { BodyTexts } from '../body-texts.ts'
import type { JsonPath, Role, TextKind, TextSyntax } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject, textsInside } from '../json-body.ts'

/** The texts of a body, each said by whoever was named last. An answer is one message. */
export class Gathering extends BodyTexts {
  #role: Role = 'assistant'
  #message = 0

  get role(): Role {
    return this.#role
  }

  /** What follows is said by `role`, in a message of its own. */
  open(role: Role): void {
    this.#role = role
    if (this.side === 'request' && this.segments.at(-1)?.message === this.#message) this.#message++
  }

  add(kind: TextKind, path: JsonPath, text: string, syntax?: TextSyntax): void {
    this.push({ message: this.#message, role: this.#role, kind, text, syntax, path })
  }
}

/** Where the texts of one type of block stand. A type of which nothing is said here holds none. */
interface BlockShape {
  /** Members that are a text or a list of texts. */
  readonly texts?: readonly string[]
  /** The member that is a block, a list of blocks, or a text. */
  readonly content?: string
  /** Members of which every string is a text. */
  readonly trees?: readonly string[]
  /** What its texts are, wherever the block stands. */
  readonly kind?: TextKind
  /** `always`, or the member that hides text: encrypted, or with the server under an id. */
  readonly hidden?: string
  /** What is hidden says only what the texts say already, when there are any. */
  readonly hiddenRepeats?: true
  /** The API has no such block without its texts. */
  readonly required?: true
  /** A message of its own, in which a tool speaks. */
  readonly toolSpeaks?: true
}

const CITATION: BlockShape = { texts: ['cited_text', 'title', 'document_title', 'source', 'url'] }
const TOOL_CALL: BlockShape = { trees: ['input'], kind: 'tool-call' }
const TOOL_RESULT: BlockShape = { content: 'content', kind: 'tool-result', toolSpeaks: true }
const TOOL_ERROR: BlockShape = { texts: ['error_message'] }
const CODE_OUTPUT: BlockShape = { hidden: 'file_id' }
const CODE_RESULT: BlockShape = { texts: ['stdout', 'stderr'], content: 'content' }
const ALL_HIDDEN: BlockShape = { hidden: 'always' }
/** Definitions and names of tools, and the models that took part: nobody says them to anybody. */
const NO_TEXT: BlockShape = {}

/** The blocks of the API and of its betas, as https://platform.claude.com/docs/en/api/messages and its SDKs have them. */
const SHAPES: ReadonlyMap<unknown, BlockShape> = new Map<unknown, BlockShape>([
  ['text', { texts: ['text'], content: 'citations', required: true }],
  ['char_location', CITATION],
  ['page_location', CITATION],
  ['content_block_location', CITATION],
  ['web_search_result_location', CITATION],
  ['search_result_location', CITATION],
  // Where the API does not show what was thought, the signature still holds it, encrypted.
  ['thinking', { texts: ['thinking'], kind: 'reasoning', hidden: 'signature', hiddenRepeats: true }],
  ['redacted_thinking', ALL_HIDDEN],
  ['image', ALL_HIDDEN],
  ['container_upload', ALL_HIDDEN],
  ['document', { texts: ['title', 'context'] }],
  ['search_result', { texts: ['title', 'source'], content: 'content' }],
  ['compaction', { texts: ['content'], hidden: 'encrypted_content', hiddenRepeats: true }],
  ['tool_use', TOOL_CALL],
  ['server_tool_use', TOOL_CALL],
  ['mcp_tool_use', TOOL_CALL],
  ['tool_result', TOOL_RESULT],
  ['mcp_tool_result', TOOL_RESULT],
  ['web_search_tool_result', TOOL_RESULT],
  ['web_fetch_tool_result', TOOL_RESULT],
  ['code_execution_tool_result', TOOL_RESULT],
  ['bash_code_execution_tool_result', TOOL_RESULT],
  ['text_editor_code_execution_tool_result', TOOL_RESULT],
  ['tool_search_tool_result', TOOL_RESULT],
  ['advisor_tool_result', TOOL_RESULT],
  ['web_search_tool_result_error', TOOL_ERROR],
  ['web_fetch_tool_result_error', TOOL_ERROR],
  ['code_execution_tool_result_error', TOOL_ERROR],
  ['bash_code_execution_tool_result_error', TOOL_ERROR],
  ['text_editor_code_execution_tool_result_error', TOOL_ERROR],
  ['tool_search_tool_result_error', TOOL_ERROR],
  ['advisor_tool_result_error', TOOL_ERROR],
  ['web_search_result', { texts: ['title', 'url'], hidden: 'encrypted_content' }],
  ['web_fetch_result', { texts: ['url'], content: 'content' }],
  ['code_execution_result', CODE_RESULT],
  ['bash_code_execution_result', CODE_RESULT],
  ['encrypted_code_execution_result', { ...CODE_RESULT, hidden: 'encrypted_stdout' }],
  ['code_execution_output', CODE_OUTPUT],
  ['bash_code_execution_output', CODE_OUTPUT],
  ['text_editor_code_execution_view_result', { texts: ['content'] }],
  ['text_editor_code_execution_str_replace_result', { texts: ['lines'] }],
  ['text_editor_code_execution_create_result', NO_TEXT],
  ['tool_search_tool_search_result', NO_TEXT],
  ['advisor_result', { texts: ['text'] }],
  ['advisor_redacted_result', { hidden: 'encrypted_content' }],
  ['browser_state', { trees: ['tabs', 'state_changes'] }],
  ['tool_reference', NO_TEXT],
  ['tool_addition', NO_TEXT],
  ['tool_removal', NO_TEXT],
  ['mcp_tool_listing', NO_TEXT],
  ['fallback', NO_TEXT],
])

/** A text, or blocks of which some are text. `kind` is what a plain text in it is. */
export function gatherContent(into: Gathering, content: unknown, kind: TextKind, path: JsonPath): void {
  if (typeof content === 'string') into.add(kind, path, content)
  else if (Array.isArray(content)) {
    for (const [index, block] of content.entries()) gatherContent(into, block, kind, [...path, index])
  } else if (isJsonObject(content)) gatherBlock(into, content, kind, path)
  else if (isPresent(content)) into.addOddShape()
}

function gatherBlock(into: Gathering, block: JsonObject, kind: TextKind, path: JsonPath): void {
  const shape = SHAPES.get(block.type)
  if (shape === undefined) {
    into.uninspectable++
    if (typeof block.text === 'string') into.add(kind, [...path, 'text'], block.text)
    return
  }
  const { role } = into
  if (shape.toolSpeaks) into.open('tool')
  gatherMembers(into, block, shape, shape.kind ?? kind, path)
  if (shape.toolSpeaks) into.open(role)
}

function gatherMembers(
  into: Gathering,
  block: JsonObject,
  shape: BlockShape,
  kind: TextKind,
  path: JsonPath,
): void {
  const { texts = [], content, trees = [], required } = shape
  for (const key of texts) {
    if (required && !isPresent(block[key])) into.addOddShape()
    gatherText(into, block[key], kind, [...path, key])
  }
  if (block.type === 'document') gatherSource(into, block.source, kind, [...path, 'source'])
  if (content !== undefined) gatherContent(into, block[content], kind, [...path, content])
  for (const key of trees) {
    for (const found of textsInside(block[key], [...path, key])) into.add(kind, found.path, found.text)
  }
  if (hidesText(block, shape)) into.uninspectable++
}

/** A text, or a list of which each is one. */
export function gatherText(into: Gathering, value: unknown, kind: TextKind, path: JsonPath): void {
  if (typeof value === 'string') into.add(kind, path, value)
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) gatherText(into, item, kind, [...path, index])
  } else if (isPresent(value)) into.addOddShape()
}

/** What a document consists of: text, blocks, or something that no guard can read. */
function gatherSource(into: Gathering, source: unknown, kind: TextKind, path: JsonPath): void {
  if (!isJsonObject(source)) into.addOddShape()
  else if (source.type === 'text') gatherText(into, source.data, kind, [...path, 'data'])
  else if (source.type === 'content') gatherContent(into, source.content, kind, [...path, 'content'])
  else into.uninspectable++
}

function hidesText(block: JsonObject, { texts = [], hidden, hiddenRepeats }: BlockShape): boolean {
  if (hidden === undefined) return false
  if (hiddenRepeats && texts.some(key => isText(block[key]))) return false
  return hidden === 'always' || isText(block[hidden])
}

/** Whether there is a text, and something in it. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
