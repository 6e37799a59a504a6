import type { JsonPath, TextKind, TextSyntax } from '../format.ts'
import { isJsonObject, type JsonObject } from '../json-body.ts'

/** An item of the answer: its `output_index`, or its id where a server leaves that out. */
export type ItemKey = number | string

/** The one text that an event carries a piece of, or all of. */
export interface EventText {
  readonly item: ItemKey
  /** Where it stands in the item, once that is whole. */
  readonly place: JsonPath
  readonly kind: TextKind
  readonly syntax: TextSyntax | undefined
  readonly text: string
  /** The event's field that holds it. */
  readonly field: string
  readonly stage: 'delta' | 'whole'
}

interface TextEvents {
  /** In the item; what is `…_index` stands for that field of the event. */
  readonly place: readonly string[]
  readonly kind: TextKind
  readonly syntax?: TextSyntax
  /** The field of `….done` (and of `….added`); `….delta` always has `delta`. */
  readonly whole: string
}

/** Events that say one text, by what stands before `.delta` and `.done`. */
const TEXT_EVENTS: ReadonlyMap<string, TextEvents> = new Map<string, TextEvents>([
  ['response.output_text', { place: ['content', 'content_index', 'text'], kind: 'content', whole: 'text' }],
  ['response.refusal', { place: ['content', 'content_index', 'refusal'], kind: 'refusal', whole: 'refusal' }],
  [
    'response.reasoning_text',
    { place: ['content', 'content_index', 'text'], kind: 'reasoning', whole: 'text' },
  ],
  [
    'response.reasoning_summary_text',
    { place: ['summary', 'summary_index', 'text'], kind: 'reasoning', whole: 'text' },
  ],
  [
    'response.function_call_arguments',
    { place: ['arguments'], kind: 'tool-call', syntax: 'json', whole: 'arguments' },
  ],
  [
    'response.mcp_call_arguments',
    { place: ['arguments'], kind: 'tool-call', syntax: 'json', whole: 'arguments' },
  ],
  ['response.custom_tool_call_input', { place: ['input'], kind: 'tool-call', whole: 'input' }],
  ['response.code_interpreter_call_code', { place: ['code'], kind: 'tool-call', whole: 'code' }],
  [
    'response.shell_call_command',
    { place: ['action', 'commands', 'command_index'], kind: 'tool-call', whole: 'command' },
  ],
  [
    'response.apply_patch_call_operation_diff',
    { place: ['operation', 'diff'], kind: 'tool-call', whole: 'diff' },
  ],
  ['response.audio.transcript', { place: ['transcript'], kind: 'content', whole: 'transcript' }],
])

/** Undefined for every other kind of event, and where the text is missing. */
export function textOf(type: string, event: JsonObject): EventText | undefined {
  const dot = type.lastIndexOf('.')
  const events = TEXT_EVENTS.get(type.slice(0, Math.max(dot, 0)))
  const stage = type.slice(dot + 1)
  if (events === undefined || (stage !== 'delta' && stage !== 'done' && stage !== 'added')) return undefined
  const field = stage === 'delta' ? 'delta' : events.whole
  const text = event[field]
  if (typeof text !== 'string') return undefined
  const place = events.place.map(step => (step.endsWith('_index') ? indexIn(event, step) : step))
  const { kind, syntax } = events
  return {
    item: itemKey(event),
    place,
    kind,
    syntax,
    text,
    field,
    stage: stage === 'delta' ? 'delta' : 'whole',
  }
}

export function itemKey({ output_index, item_id, item }: JsonObject): ItemKey {
  if (isIndex(output_index)) return output_index
  const id = item_id ?? (isJsonObject(item) ? item.id : undefined)
  return typeof id === 'string' ? id : 0
}

/** A position that an event names; 0 where a server leaves it out. */
export function indexIn(event: JsonObject, field: string): number {
  const index = event[field]
  return isIndex(index) ? index : 0
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** Events with a `response` that is the answer as far as it has come. */
const LIFECYCLE = /^response\.(?:created|queued|in_progress|completed|incomplete|failed|cancelled)$/
const ENDS = /^response\.(?:completed|incomplete|failed|cancelled)$/

export function isLifecycle(type: string): boolean {
  return LIFECYCLE.test(type)
}

/** After it the API sends nothing more. */
export function isEnd(type: string): boolean {
  return ENDS.test(type)
}

const PART_EVENTS: ReadonlyMap<string, readonly [list: string, index: string]> = new Map<
  string,
  readonly [list: string, index: string]
>([
  ['response.content_part', ['content', 'content_index']],
  // Not the API's: some servers write it for what they think.
  ['response.reasoning_part', ['content', 'content_index']],
  ['response.reasoning_summary_part', ['summary', 'summary_index']],
])

/** Where in its item the part stands that an event opens or closes; undefined for every other kind of event. */
export function partPlace(
  type: string,
  event: JsonObject,
): { readonly list: string; readonly index: number; readonly stage: 'added' | 'done' } | undefined {
  const dot = type.lastIndexOf('.')
  const place = PART_EVENTS.get(type.slice(0, Math.max(dot, 0)))
  const stage = type.slice(dot + 1)
  if (place === undefined || (stage !== 'added' && stage !== 'done')) return undefined
  return { list: place[0], index: indexIn(event, place[1]), stage }
}

/** Fields that place an event, or pad it. */
const ENVELOPE: ReadonlySet<string> = new Set([
  'type',
  'sequence_number',
  'item_id',
  'output_index',
  'content_index',
  'summary_index',
  'annotation_index',
  'command_index',
  'response_id',
  'event_id',
  'obfuscation',
])

/** What an event holds beside its envelope: numbers say nothing. */
export function saidIn(event: JsonObject): readonly (readonly [key: string, value: unknown])[] {
  return Object.entries(event).filter(
    ([key, value]) => !ENVELOPE.has(key) && (typeof value === 'string' || typeof value === 'object') && value,
  )
}

/** Pictures and sound, in pieces. */
const OPAQUE_EVENTS: ReadonlySet<string> = new Set([
  'response.audio.delta',
  'response.image_generation_call.partial_image',
])

export function isOpaque(type: string): boolean {
  return OPAQUE_EVENTS.has(type)
}
