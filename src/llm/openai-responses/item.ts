import type { Role } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { readRole } from '../openai-request.ts'
import {
  type Reading,
  readArguments,
  readContent,
  readDescriptions,
  readStrings,
  type Voice,
} from './message.ts'

/** How the value of an item's field is read. */
type Manner =
  /** A string or a list of content parts. */
  | 'content'
  /** JSON inside a string, or the bare value. */
  | 'arguments'
  /** Every string inside. */
  | 'strings'
  /** Tool definitions, of which only the descriptions are text. */
  | 'descriptions'
  /** What code gave out: logs, and images, which cannot be read. */
  | 'code-outputs'

interface Field extends Voice {
  readonly key: string
  readonly manner: Manner
}

const said = (key: string, role: Role): Field => ({ key, role, kind: 'content', manner: 'content' })
const thought = (key: string): Field => ({ key, role: 'assistant', kind: 'reasoning', manner: 'content' })
const called = (key: string, manner: Manner): Field => ({ key, role: 'assistant', kind: 'tool-call', manner })
const result = (key: string, manner: Manner): Field => ({ key, role: 'tool', kind: 'tool-result', manner })

/**
 * Where the texts of each kind of item stand, input and output alike; `message` is read apart. The kinds are those of
 * https://platform.openai.com/docs/api-reference/responses/object.
 */
const ITEMS: ReadonlyMap<unknown, readonly Field[]> = new Map<unknown, readonly Field[]>([
  ['reasoning', [thought('summary'), thought('content')]],
  ['function_call', [called('arguments', 'arguments')]],
  ['function_call_output', [result('output', 'content')]],
  ['custom_tool_call', [called('input', 'content')]],
  ['custom_tool_call_output', [result('output', 'content')]],
  ['mcp_call', [called('arguments', 'arguments'), result('output', 'strings'), result('error', 'strings')]],
  ['mcp_approval_request', [called('arguments', 'arguments')]],
  ['mcp_approval_response', [said('reason', 'user')]],
  ['mcp_list_tools', [result('tools', 'descriptions'), result('error', 'strings')]],
  ['code_interpreter_call', [called('code', 'content'), result('outputs', 'code-outputs')]],
  ['shell_call', [called('action', 'strings')]],
  ['shell_call_output', [result('output', 'strings')]],
  ['local_shell_call', [called('action', 'strings')]],
  ['local_shell_call_output', [result('output', 'content')]],
  ['apply_patch_call', [called('operation', 'strings')]],
  ['apply_patch_call_output', [result('output', 'content')]],
  [
    'computer_call',
    [called('action', 'strings'), called('actions', 'strings'), result('pending_safety_checks', 'strings')],
  ],
  ['computer_call_output', [result('acknowledged_safety_checks', 'strings')]],
  ['web_search_call', [called('action', 'strings'), result('results', 'strings')]],
  ['file_search_call', [called('queries', 'strings'), result('results', 'strings')]],
  ['image_generation_call', [called('revised_prompt', 'content')]],
  ['tool_search_call', [called('arguments', 'arguments')]],
  ['tool_search_output', [result('tools', 'descriptions')]],
  ['additional_tools', [{ ...said('tools', 'developer'), manner: 'descriptions' }]],
  ['program', [called('code', 'content')]],
  ['program_output', [result('result', 'content')]],
  ['compaction', []],
  ['compaction_trigger', []],
  ['item_reference', []],
])

/** A kind of item that is not known here. */
const UNKNOWN_FIELDS: readonly Field[] = [
  { ...said('content', 'user'), manner: 'strings' },
  { ...said('text', 'user'), manner: 'strings' },
  called('arguments', 'arguments'),
  called('input', 'strings'),
  result('output', 'strings'),
]

/** Items that are, or stand for, something that no guard can read: pictures, what the server keeps. */
const UNREADABLE: ReadonlySet<unknown> = new Set([
  'computer_call_output',
  'image_generation_call',
  'compaction',
  'item_reference',
])

/** Reads every text of one item of a request's `input` or of an answer's `output`. */
export function readItem(into: Reading, item: JsonObject): void {
  const type = typeOf(item)
  if (type === undefined) into.addOddShape()
  if (type === 'message') {
    // In an answer only the model speaks, whatever role an upstream writes.
    const role = into.side === 'response' ? 'assistant' : readRole(item.role)
    const kind = role === 'tool' ? 'tool-result' : 'content'
    readContent(into, item.content, { role, kind }, ['content'])
    return
  }
  const fields = ITEMS.get(type)
  if (type !== undefined && (fields === undefined || UNREADABLE.has(type))) into.uninspectable++
  // Encrypted reasoning: the model reads it, nobody else can.
  else if (isPresent(item.encrypted_content) && item.encrypted_content !== '') into.uninspectable++
  for (const field of fields ?? UNKNOWN_FIELDS) readField(into, item, field)
}

/** Messages and references may come without a type. */
function typeOf({ type, role, content, id }: JsonObject): string | undefined {
  if (isPresent(type)) return typeof type === 'string' ? type : undefined
  if (isPresent(role) || isPresent(content)) return 'message'
  return typeof id === 'string' ? 'item_reference' : undefined
}

function readField(into: Reading, item: JsonObject, { key, manner, role, kind }: Field): void {
  const value = item[key]
  const voice: Voice = { role: role === 'user' && into.side === 'response' ? 'assistant' : role, kind }
  if (manner === 'content') readContent(into, value, voice, [key])
  else if (manner === 'arguments') readArguments(into, value, voice, [key])
  else if (manner === 'strings') readStrings(into, value, voice, [key])
  else if (manner === 'descriptions') readDescriptions(into, value, voice, [key])
  else readCodeOutputs(into, value, voice, key)
}

function readCodeOutputs(into: Reading, outputs: unknown, voice: Voice, key: string): void {
  if (!Array.isArray(outputs)) return
  for (const [index, output] of outputs.entries()) {
    if (isJsonObject(output) && typeof output.logs === 'string')
      into.add(voice, [key, index, 'logs'], output.logs)
    else into.uninspectable++
  }
}

/** Calls that the server runs by itself and that say nothing before they are done. */
const SERVER_CALLS: ReadonlySet<unknown> = new Set([
  'web_search_call',
  'file_search_call',
  'image_generation_call',
])

/** Whether the item calls a tool with arguments: its beginning must not go before those were seen. */
export function isToolCall({ type }: JsonObject): boolean {
  if (typeof type !== 'string' || SERVER_CALLS.has(type)) return false
  return type.endsWith('_call') || type === 'mcp_approval_request' || type === 'program'
}

/** Calls that the server has run, or runs, itself; any other one the client runs when it finds it in an answer. */
const HOSTED_CALLS: ReadonlySet<unknown> = new Set([
  ...SERVER_CALLS,
  'mcp_call',
  'code_interpreter_call',
  'program',
])

/** Whether a client that finds the item in a finished answer acts on it. */
export function isClientCall(item: JsonObject): boolean {
  return isToolCall(item) && !HOSTED_CALLS.has(item.type)
}
