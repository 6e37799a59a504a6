import type { JsonPath, Role, TextKind, TextSyntax } from '../format.ts'
import { isJsonObject, type JsonObject, textsInside } from '../json-body.ts'

/** One text of a message. */
export interface McpText {
  readonly role: Role
  readonly kind: TextKind
  readonly text: string
  readonly syntax: TextSyntax | undefined
  readonly path: JsonPath
}

/** Who says the texts of an object and what they are, until a member of it says otherwise. */
export interface Voice {
  readonly role: Role
  readonly kind: TextKind
  /** Whether its `arguments` are those of a tool. */
  readonly asked?: 'tool-call' | 'other'
}

/** The texts of one or more messages that went the same way, in their order. */
export class Gathering {
  readonly side: 'request' | 'response'
  readonly texts: McpText[] = []
  /** Parts that hold something no guard can read. */
  uninspectable = 0

  constructor(side: 'request' | 'response') {
    this.side = side
  }

  add({ role, kind }: Voice, path: JsonPath, text: string, syntax?: TextSyntax): void {
    if (text !== '') this.texts.push({ role, kind, text, syntax, path })
  }
}

/**
 * How a member is read, by its name: the protocol means the same by a name wherever it has it.
 *
 * - word: an identifier, a time, a value of an enum; text only when it says more than a word
 * - token: handed back unread by whoever gets it; text only when it reads like one
 * - object: an object of the protocol, or a list of them
 * - map: objects of the protocol under names of somebody's choice
 * - schema: a JSON Schema
 *
 * Any other member is data: every string in it is text, whatever its name. So nothing that a later version of the
 * protocol or a vendor adds goes unread.
 */
type Manner = 'word' | 'token' | 'object' | 'map' | 'schema' | 'content' | 'messages' | 'special'

const NAMES: readonly (readonly [Manner, string])[] = [
  ['word', 'type name version mimeType sizes theme audience lastModified role model stopReason action mode'],
  [
    'word',
    'level logger status createdAt lastUpdatedAt protocolVersion supportedVersions taskSupport method',
  ],
  ['word', 'includeContext resultType cacheScope id toolUseId elicitationId traceparent'],
  ['token', 'cursor nextCursor requestState progressToken requestId taskId'],
  [
    'object',
    'params result error contents resource resources resourceTemplates tools prompts roots task tasks',
  ],
  [
    'object',
    'serverInfo clientInfo capabilities annotations icons execution modelPreferences hints toolChoice',
  ],
  ['object', 'ref argument completion context'],
  ['map', 'inputRequests inputResponses'],
  ['schema', 'inputSchema outputSchema requestedSchema'],
  ['content', 'content'],
  ['messages', 'messages'],
  ['special', 'arguments systemPrompt blob src _meta'],
]
const MANNERS: ReadonlyMap<string, Manner> = new Map(
  NAMES.flatMap(([manner, names]) => names.split(' ').map(name => [name, manner] as const)),
)

/** What a tool's name, a content type or a time is made of. Sentences are not, in any script. */
const WORD = /^[\w.:/+=#$-]{1,256}$/
const TOKEN = /^[\x21-\x7e]*$/

/** The members of an object of the protocol. `value` must come from `parseJson`, which bounds the recursion. */
export function gatherMembers(into: Gathering, value: JsonObject, path: JsonPath, voice: Voice): void {
  for (const [name, member] of Object.entries(value)) gatherMember(into, value, name, member, path, voice)
}

function gatherMember(
  into: Gathering,
  owner: JsonObject,
  name: string,
  member: unknown,
  ownerPath: JsonPath,
  voice: Voice,
): void {
  const path = [...ownerPath, name]
  switch (MANNERS.get(name)) {
    case 'word':
      gatherUnless(into, WORD, member, path, voice)
      return
    case 'token':
      gatherUnless(into, TOKEN, member, path, voice)
      return
    case 'object':
      gatherObjects(into, member, path, voice)
      return
    case 'map':
      if (!isJsonObject(member)) gatherObjects(into, member, path, voice)
      else for (const [key, item] of Object.entries(member)) gatherObjects(into, item, [...path, key], voice)
      return
    case 'schema':
      gatherSchema(into, member, path, voice)
      return
    case 'content':
      // A form that the user filled in has fields of any name, `type` among them.
      if (typeof owner.action === 'string') gatherData(into, member, path, voice)
      else eachOf(member, path, (item, at) => gatherBlock(into, item, at, voice))
      return
    case 'messages':
      eachOf(member, path, (item, at) => gatherObjects(into, item, at, voiceOf(into, item)))
      return
    case 'special':
      gatherSpecial(into, name, member, path, voice)
      return
    default:
      gatherData(into, member, path, voice)
  }
}

function gatherSpecial(into: Gathering, name: string, member: unknown, path: JsonPath, voice: Voice): void {
  // An icon may come as an address or as the picture itself.
  const isPicture = name === 'src' && typeof member === 'string' && member.startsWith('data:')
  if (isPicture || (name === 'blob' && typeof member === 'string')) into.uninspectable++
  else if (name === 'src') gatherUnless(into, WORD, member, path, voice)
  else if (name === 'systemPrompt') gatherData(into, member, path, { role: 'system', kind: 'content' })
  else if (name === '_meta') gatherMeta(into, member, path, voice)
  else if (name === 'arguments' && voice.asked === 'tool-call') {
    gatherData(into, member, path, { ...voice, kind: 'tool-call' })
  }
  // A list of arguments is that of a prompt's description: objects with a name.
  else if (name === 'arguments' && Array.isArray(member)) gatherObjects(into, member, path, voice)
  else gatherData(into, member, path, voice)
}

/** A message of a prompt or of a sampling request, whose roles are these two. Of the client's see FROM_CLIENT. */
function voiceOf(into: Gathering, message: unknown): Voice {
  const isAssistant = into.side === 'response' && isJsonObject(message) && message.role === 'assistant'
  return { role: isAssistant ? 'assistant' : 'user', kind: 'content' }
}

/** Every string, whatever the names above it. */
function gatherData(into: Gathering, value: unknown, path: JsonPath, voice: Voice): void {
  // Some clients write a tool's arguments as JSON in a string.
  const syntax = voice.kind === 'tool-call' && typeof value === 'string' ? 'json' : undefined
  for (const found of textsInside(value, path)) into.add(voice, found.path, found.text, syntax)
}

/** What should be a word or a list of words, and is text where it is not. */
function gatherUnless(into: Gathering, word: RegExp, value: unknown, path: JsonPath, voice: Voice): void {
  for (const found of textsInside(value, path)) {
    if (!word.test(found.text)) into.add(voice, found.path, found.text)
  }
}

function gatherObjects(into: Gathering, value: unknown, path: JsonPath, voice: Voice): void {
  eachOf(value, path, (item, at) => {
    if (isJsonObject(item)) gatherMembers(into, item, at, voice)
    else gatherData(into, item, at, voice)
  })
}

/** One block of content: text, a picture, sound, a resource or the link to one, a tool call or its result. */
function gatherBlock(into: Gathering, block: unknown, path: JsonPath, voice: Voice): void {
  if (!isJsonObject(block)) {
    gatherData(into, block, path, voice)
    return
  }
  const { type, ...members } = block
  switch (type) {
    case 'text':
    case 'resource':
    case 'resource_link':
      gatherMembers(into, members, path, voice)
      return
    case 'image':
    case 'audio': {
      const { data: _, ...rest } = members
      into.uninspectable++
      gatherMembers(into, rest, path, voice)
      return
    }
    case 'tool_use':
      gatherMembers(into, members, path, { ...voice, kind: 'tool-call' })
      return
    case 'tool_result':
      gatherMembers(into, members, path, { role: 'tool', kind: 'tool-result' })
      return
    default:
      into.uninspectable++
      gatherUnless(into, WORD, type, [...path, 'type'], voice)
      gatherData(into, members, path, voice)
  }
}

/** Names that the protocol keeps for itself in `_meta`; the rest belongs to whoever wrote it. */
const RESERVED = 'io.modelcontextprotocol/'

function gatherMeta(into: Gathering, meta: unknown, path: JsonPath, voice: Voice): void {
  if (!isJsonObject(meta)) {
    gatherData(into, meta, path, voice)
    return
  }
  for (const [name, member] of Object.entries(meta)) {
    const at = [...path, name]
    if (!name.startsWith(RESERVED)) gatherMember(into, meta, name, member, path, voice)
    else if (isJsonObject(member)) gatherMembers(into, member, at, voice)
    else gatherUnless(into, WORD, member, at, voice)
  }
}

const SCHEMA_WORDS: ReadonlySet<string | number | undefined> = new Set([
  'type',
  'required',
  'format',
  '$schema',
  '$id',
  '$ref',
  '$anchor',
])

/** Every string but those of the schema language: a tool can be poisoned by a default as well as by a description. */
function gatherSchema(into: Gathering, schema: unknown, path: JsonPath, voice: Voice): void {
  for (const found of textsInside(schema, path)) {
    const last = found.path.at(-1)
    const keyword = typeof last === 'number' ? found.path.at(-2) : last
    if (!SCHEMA_WORDS.has(keyword) || !WORD.test(found.text)) into.add(voice, found.path, found.text)
  }
}

/** What is a list in some versions of the protocol is a single thing in others. */
function eachOf(value: unknown, path: JsonPath, read: (item: unknown, path: JsonPath) => void): void {
  if (!Array.isArray(value)) read(value, path)
  else for (const [index, item] of value.entries()) read(item, [...path, index])
}
