import type { Decoded } from './format.ts'
import { decodeJsonBody, isJsonObject } from './json-body.ts'

/**
 * A request's body as one JSON value that every reader reads alike. Beyond `decodeJsonBody` it refuses, as
 * `wrong-shape`: a byte order mark; a key that stands twice in an object, where readers differ in which one counts; and
 * a key that is one of the API's but for its case, which readers that ignore case take for it.
 */
export function decodeRequestJson(body: Uint8Array): Decoded<unknown> {
  if (body[0] === BOM[0] && body[1] === BOM[1] && body[2] === BOM[2]) return WRONG_SHAPE
  const json = decodeJsonBody(body)
  if (json.kind !== 'ok') return json
  const isClear = countKeys(body) === keysIn(json.value) && !hasCaseTwin(json.value)
  return isClear ? json : WRONG_SHAPE
}

const BOM = [0xef, 0xbb, 0xbf] as const
const WRONG_SHAPE = { kind: 'undecodable', reason: 'wrong-shape' } as const

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/** Members written in the body: outside of strings every colon stands behind a key. Linear; strings are skipped. */
function countKeys(body: Uint8Array): number {
  let keys = 0
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (byte === QUOTE) at = stringEnd(body, at)
    else if (byte === COLON) keys += 1
  }
  return keys
}

function stringEnd(body: Uint8Array, open: number): number {
  let quote = body.indexOf(QUOTE, open + 1)
  while (quote !== -1) {
    let before = quote - 1
    while (body[before] === BACKSLASH) before--
    if ((quote - before) % 2 === 1) return quote
    quote = body.indexOf(QUOTE, quote + 1)
  }
  return body.length
}

/** Members that were read: of those that stand twice only one. The depth is bounded by `parseJson`. */
function keysIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  let keys = Array.isArray(value) ? 0 : members.length
  for (const member of members) keys += keysIn(member)
  return keys
}

/** Keys under which the APIs' requests hold text, say who speaks, or ask for a stream. */
const KNOWN_KEYS: readonly string[] = [
  ...['messages', 'content', 'role', 'text', 'type', 'stream', 'model', 'prompt', 'suffix', 'input'],
  ...['instructions', 'system', 'tools', 'tool_calls', 'function', 'function_call', 'arguments', 'refusal'],
  ...['reasoning', 'reasoning_content', 'thinking', 'prediction', 'source', 'data', 'title', 'context'],
  ...['contents', 'parts', 'systemInstruction', 'system_instruction', 'functionCall', 'functionResponse'],
  ...['toolUse', 'toolResult', 'guardContent', 'reasoningContent', 'promptVariables', 'additionalContext'],
  ...['message', 'preamble', 'chat_history', 'documents', 'query', 'tool_plan', 'response', 'output'],
  ...[
    'inputText',
    'images',
    'summary',
    'code',
    'jsonrpc',
    'method',
    'params',
    'result',
    'template',
    'variables',
  ],
]
const EXACT: ReadonlySet<string> = new Set(KNOWN_KEYS)
const FOLDED: ReadonlySet<string> = new Set(KNOWN_KEYS.map(key => key.toLowerCase()))

/** Below these the keys are the user's own: schemas, arguments, labels. */
const FREE: ReadonlySet<string> = new Set([
  ...['parameters', 'schema', 'json_schema', 'input_schema', 'inputSchema', 'response_format', 'metadata'],
  ...[
    'arguments',
    'args',
    'input',
    'structuredContent',
    'structured_content',
    'variables',
    'promptVariables',
  ],
  ...['logit_bias', 'json', 'properties', 'labels', 'response', 'responseSchema', 'responseJsonSchema'],
  ...['additionalModelRequestFields', 'options', 'format', 'headers', 'user_location', '_meta', 'data'],
  ...['document', 'tool_output'],
])

/** Lists of such objects. */
const FREE_LISTS: ReadonlySet<string> = new Set(['documents'])

function hasCaseTwin(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasCaseTwin)
  if (!isJsonObject(value)) return false
  for (const key of Object.keys(value)) {
    if (!EXACT.has(key) && FOLDED.has(folded(key))) return true
    const member = value[key]
    if (typeof member !== 'object') continue
    const isFree = (FREE.has(key) && isJsonObject(member)) || FREE_LISTS.has(key)
    if (!isFree && hasCaseTwin(member)) return true
  }
  return false
}

/** As readers fold that ignore case: `ſ` is an s, and the Kelvin sign a k. */
function folded(key: string): string {
  return key.toUpperCase().toLowerCase()
}
