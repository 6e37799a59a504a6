import type { ProviderError, Refusal, ReplyBody, StreamPosition } from '../format.ts'
import type { JsonObject } from '../json-body.ts'
import { assertOwnPosition } from '../own-position.ts'
import { isClientCall } from './item.ts'
import { type ItemState, type PartState, ResponsesPosition, textField } from './position.ts'

const encoder = new TextEncoder()

/** What the refusal is said in, and what the answer ends as. */
interface Manner {
  readonly part: 'output_text' | 'refusal'
  readonly end: 'completed' | 'incomplete'
}

/**
 * An answer that ends `incomplete` breaks helpers that wait for `response.completed`, so it takes asking for. Clients
 * that parse the answer by a schema fail on plain text; the refusal part is made for them. Others, such as LangChain,
 * show nothing of that part.
 */
function mannerOf({ finishReason, request }: Refusal): Manner {
  if (finishReason === 'content_filter') return { part: 'output_text', end: 'incomplete' }
  const isParsed = finishReason === 'auto' && request?.structuredOutput === true
  return { part: isParsed ? 'refusal' : 'output_text', end: 'completed' }
}

/** A whole answer that says no. */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody {
  if (shape === 'event-stream')
    return { contentType: 'text/event-stream', body: streamRefusal(refusal, new ResponsesPosition()) }
  const manner = mannerOf(refusal)
  const item = refusalItem(refusal, manner, refusal.message)
  const answer = endedAnswer(freshAnswer(refusal), [item], manner)
  return { contentType: 'application/json', body: encoder.encode(JSON.stringify(answer)) }
}

/**
 * The rest of a stream of which the client has seen `at`: what is open is closed with what was said of it, the refusal
 * is an item of its own behind that, and the last event tells the whole answer as the client has it. Empty when that
 * event is out.
 */
export function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, ResponsesPosition)
  if (at.terminated) return new Uint8Array(0)
  const manner = mannerOf(refusal)
  const answer = at.response ?? freshAnswer(refusal)
  const items = [...at.items.values()].sort((a, b) => a.index - b.index)
  const text = manner.part === 'output_text' && at.hasContent ? `\n\n${refusal.message}` : refusal.message
  const item = refusalItem(refusal, manner, text)
  const output = [...items.flatMap(state => itemSeen(state, manner)), item]
  const events = [
    ...(at.response === undefined ? opening(answer) : []),
    ...items.filter(({ done }) => !done).flatMap(state => closing(state, manner)),
    ...saying(item, at.nextIndex, text, manner),
    { type: `response.${manner.end}`, response: endedAnswer(answer, output, manner) },
  ]
  return encoder.encode(events.map((event, index) => render(event, at.sequence + index)).join(''))
}

interface StreamEvent {
  readonly type: string
  readonly [field: string]: unknown
}

function render({ type, ...rest }: StreamEvent, sequence: number): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence, ...rest })}\n\n`
}

/** The model was not called, or what it used is unknown here. Clients add the fields up, so all must be there. */
const NO_USAGE = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
}

function freshAnswer({ id, createdSec, request }: Refusal): JsonObject {
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: createdSec,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model: request?.model ?? 'unknown',
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: null,
    user: null,
    metadata: {},
  }
}

function endedAnswer(answer: JsonObject, output: readonly JsonObject[], { end }: Manner): JsonObject {
  const details = end === 'incomplete' ? { reason: 'content_filter' } : null
  const ended = { ...answer, status: end, error: null, incomplete_details: details, output, usage: NO_USAGE }
  // The SDKs keep what a server put here, in place of what they find in the output.
  return 'output_text' in answer ? { ...ended, output_text: null } : ended
}

function opening(answer: JsonObject): readonly StreamEvent[] {
  return [
    { type: 'response.created', response: answer },
    { type: 'response.in_progress', response: answer },
  ]
}

function textPart(part: Manner['part'], text: string): JsonObject {
  return part === 'refusal'
    ? { type: 'refusal', refusal: text }
    : { type: 'output_text', text, annotations: [], logprobs: [] }
}

function refusalItem({ id }: Refusal, { part, end }: Manner, text: string): JsonObject {
  const content = [textPart(part, text)]
  return { type: 'message', id: `msg_${id}`, status: end, role: 'assistant', content }
}

/** All events of one message with one part. */
function saying(item: JsonObject, index: number, text: string, { part }: Manner): readonly StreamEvent[] {
  const at = { item_id: item.id, output_index: index, content_index: 0 }
  const logprobs = part === 'output_text' ? { logprobs: [] } : {}
  return [
    {
      type: 'response.output_item.added',
      output_index: index,
      item: { ...item, status: 'in_progress', content: [] },
    },
    { type: 'response.content_part.added', ...at, part: textPart(part, '') },
    { type: `response.${part}.delta`, ...at, delta: text, ...logprobs },
    { type: `response.${part}.done`, ...at, [part === 'refusal' ? part : 'text']: text, ...logprobs },
    { type: 'response.content_part.done', ...at, part: textPart(part, text) },
    { type: 'response.output_item.done', output_index: index, item },
  ]
}

/** Items that are lists of parts: what was said of them is something by itself. */
const CUTTABLE: ReadonlySet<unknown> = new Set(['message', 'reasoning'])

/**
 * Closes an open item with what was said of it. Any other item stays open: some clients run a call as soon as it is
 * done, whatever its status says.
 */
function closing(state: ItemState, manner: Manner): readonly StreamEvent[] {
  if (!CUTTABLE.has(state.item.type)) return []
  const open = partsOf(state).filter(({ done }) => !done)
  return [
    ...open.flatMap(part => closingPart(state, part, manner)),
    { type: 'response.output_item.done', output_index: state.index, item: cutItem(state) },
  ]
}

function closingPart({ item, index }: ItemState, state: PartState, manner: Manner): readonly StreamEvent[] {
  const isSummary = state.list === 'summary'
  const at = {
    item_id: item.id,
    output_index: index,
    [isSummary ? 'summary_index' : 'content_index']: state.index,
  }
  const part = partSeen(state)
  const subject = TEXT_SUBJECTS.get(part.type)
  // Some helpers parse a text by its schema as soon as it is done; half of one does not parse.
  const isHalf = part.type === 'output_text' && manner.part === 'refusal'
  const isSilent = subject === undefined || state.textDone || isHalf
  const logprobs = part.type === 'output_text' ? { logprobs: [] } : {}
  const done = { type: `${subject}.done`, ...at, [textField(part)]: state.text, ...logprobs }
  const closed = isSummary ? 'response.reasoning_summary_part.done' : 'response.content_part.done'
  return [...(isSilent ? [] : [done]), { type: closed, ...at, part }]
}

const TEXT_SUBJECTS: ReadonlyMap<unknown, string> = new Map([
  ['output_text', 'response.output_text'],
  ['refusal', 'response.refusal'],
  ['reasoning_text', 'response.reasoning_text'],
  ['summary_text', 'response.reasoning_summary_text'],
])

/**
 * An item as the last event tells it, where it does. A refused answer calls no tools: clients run what they find in
 * it. Half of a text that clients parse by a schema would make them fail. All else is told: some helpers fail where an
 * item was opened and is then heard of no more.
 */
function itemSeen(state: ItemState, { part }: Manner): readonly JsonObject[] {
  const { item, done } = state
  if (isClientCall(item)) return []
  if (done) return [item]
  if (!CUTTABLE.has(item.type)) return ['status' in item ? { ...item, status: 'failed' } : item]
  return part === 'refusal' && item.type === 'message' ? [] : [cutItem(state)]
}

function cutItem(state: ItemState): JsonObject {
  const { item } = state
  const listed = (list: string): readonly JsonObject[] =>
    partsOf(state)
      .filter(part => part.list === list)
      .map(partSeen)
  const cut = { ...item, status: 'incomplete' }
  const content = listed('content')
  if (item.type === 'message') return { ...cut, role: item.role ?? 'assistant', content }
  return { ...cut, summary: listed('summary'), ...(content.length > 0 ? { content } : {}) }
}

function partsOf({ parts }: ItemState): readonly PartState[] {
  return [...parts.values()].sort((a, b) => a.index - b.index)
}

function partSeen({ part, text, annotations, done }: PartState): JsonObject {
  if (done) return part
  const own = Array.isArray(part.annotations) ? part.annotations : []
  const seen = { ...part, [textField(part)]: text }
  return part.type === 'output_text' ? { ...seen, annotations: [...own, ...annotations] } : seen
}

/** The error object that the SDKs read from a body with a status from 400. */
export function renderError(error: ProviderError): ReplyBody {
  const type = error.status >= 500 ? 'server_error' : 'invalid_request_error'
  const body = JSON.stringify({ error: { message: error.message, type, param: null, code: error.code } })
  return { contentType: 'application/json', body: encoder.encode(body) }
}
