import { type Decoded, WRONG_SHAPE } from './format.ts'
import {
  asObject,
  decodeFlatJson,
  decodeJsonBody,
  isJsonObject,
  type JsonObject,
  MAX_JSON_DEPTH,
} from './json-body.ts'
import { scanJson } from './json-scan.ts'

/**
 * A request's body as one JSON value that every reader reads alike. Beyond `decodeJsonBody` it refuses, as
 * `wrong-shape`: a byte order mark; a key that stands twice in an object, where readers differ in which one counts; and
 * a key that is one of the API's but for its case, which readers that ignore case take for it.
 */
export function decodeRequestJson(body: Uint8Array): Decoded<unknown> {
  if (body[0] === BOM[0] && body[1] === BOM[1] && body[2] === BOM[2]) return WRONG_SHAPE
  const { depth, members } = scanJson(body)
  const json = depth > MAX_JSON_DEPTH ? decodeJsonBody(body) : decodeFlatJson(body)
  if (json.kind !== 'ok') return json
  const keys = new Keys()
  keys.lookThrough(json.value, 'known')
  // Of a key that stands twice only one was read.
  return keys.count === members && !keys.hasCaseTwin ? json : WRONG_SHAPE
}

/** The same, of an API whose requests are objects. */
export function decodeRequestObject(body: Uint8Array): Decoded<JsonObject> {
  return asObject(decodeRequestJson(body))
}

const BOM = [0xef, 0xbb, 0xbf] as const

/** The keys of a value, in one walk. */
class Keys {
  /** Members of all its objects. */
  count = 0
  /** Where keys are the API's own, one of them is known but for its case. */
  hasCaseTwin = false

  /** `keys`: whose they are from here on, the API's or the user's. The parser bounds the depth. */
  lookThrough(value: unknown, keys: 'known' | 'free'): void {
    if (typeof value !== 'object' || value === null) return
    if (Array.isArray(value)) for (const item of value) this.lookThrough(item, keys)
    else if (isJsonObject(value)) this.#lookAt(value, keys)
  }

  #lookAt(object: JsonObject, keys: 'known' | 'free'): void {
    const names = Object.keys(object)
    this.count += names.length
    for (const name of names) {
      if (keys === 'known' && !EXACT.has(name) && FOLDED.has(folded(name))) this.hasCaseTwin = true
      const member = object[name]
      if (typeof member !== 'object') continue
      const isFree = keys === 'free' || (FREE.has(name) && isJsonObject(member)) || FREE_LISTS.has(name)
      this.lookThrough(member, isFree ? 'free' : 'known')
    }
  }
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

/** As readers fold that ignore case: `ſ` is an s, and the Kelvin sign a k. */
function folded(key: string): string {
  return key.toUpperCase().toLowerCase()
}
