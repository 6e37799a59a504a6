import { factsOf } from '../decoded-frame.ts'
import type {
  ErrorContext,
  Frame,
  LlmRequest,
  ProviderError,
  Refusal,
  ReplyBody,
  StreamPosition,
} from '../format.ts'
import { assertOwnPosition } from '../own-position.ts'
import { MAX_BATCH, type RpcId } from './message.ts'
import { type Asked, McpRequest } from './request.ts'
import { McpFrame, openStream } from './stream.ts'

/** What the client has seen of a stream: which of its messages are answered. */
export class McpPosition implements StreamPosition {
  /** At most as many as can have been asked; what an upstream answers beyond that nobody asked. */
  readonly answered = new Set<RpcId>()

  released(frame: Frame): void {
    for (const id of factsOf(McpFrame, frame, openStream) ?? [])
      if (this.answered.size < MAX_BATCH) this.answered.add(id)
  }
}

const encoder = new TextEncoder()

/**
 * Codes of JSON-RPC's own, and three from -32000 to -32019, which are the servers' to define. The first few of those are
 * taken: the SDKs raise -32000 and -32001 themselves.
 */
const ERROR_CODES = {
  content_filter: -32010,
  unsupported: -32011,
  unavailable: -32012,
  invalid_request: -32600,
  internal: -32603,
} as const satisfies Record<ProviderError['code'], number>

interface RpcError {
  readonly code: number
  readonly message: string
  readonly data: object
}

/**
 * A whole answer that says no, to every message that wants one. Undefined where none does: a server that cannot take a
 * notification or a client's answer says so by the HTTP status.
 */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody | undefined {
  const asked = askedOf(refusal.request)
  if (asked.length === 0) return undefined
  const answers = asked.map(one => refuse(one, refusal.message))
  if (shape === 'json') return jsonReply(inEnvelope(answers, refusal.request))
  return { contentType: 'text/event-stream', body: encoder.encode(answers.map(event).join('')) }
}

/**
 * The rest of a stream of which the client has seen `at`: an answer to each message that has none. A client whose
 * request was never seen gets an error that names no message: some clients take it for the one they wait for.
 */
export function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, McpPosition)
  const asked = askedOf(refusal.request)
  const open = asked.filter(({ id }) => !at.answered.has(id))
  const answers = open.map(one => refuse(one, refusal.message))
  if (asked.length === 0) answers.push(errorAnswer(null, blocked(refusal.message)))
  return encoder.encode(answers.map(event).join(''))
}

function askedOf(request: LlmRequest | undefined): readonly Asked[] {
  return request instanceof McpRequest ? request.asked : []
}

/**
 * A tool's result is always marked as an error, whatever finish reason a policy wants: the model is not to take it for
 * what the tool said, and clients hold every other result to the tool's output schema.
 */
function refuse({ id, refusedBy, resultType }: Asked, message: string): object {
  if (refusedBy === 'error') return errorAnswer(id, blocked(message))
  const result = { content: [{ type: 'text', text: message }], isError: true, resultType }
  return { jsonrpc: '2.0', id, result }
}

/** `id` is null where the message is not known, as JSON-RPC has it. */
function errorAnswer(id: RpcId | null, error: RpcError): object {
  return { jsonrpc: '2.0', id, error }
}

function blocked(message: string): RpcError {
  return { code: ERROR_CODES.content_filter, message, data: { reason: 'content_filter' } }
}

/**
 * JSON-RPC errors, by status 200: clients read no body of another status. That of a request with nothing to answer
 * keeps its own, as the protocol has it, and so does that of a request which could not be read: without its id the
 * client would wait for an answer until its time is up.
 */
export function renderError(error: ProviderError, { request }: ErrorContext): ReplyBody {
  const { status, message, code: reason } = error
  const rpcError: RpcError = { code: ERROR_CODES[reason], message, data: { reason, status } }
  const answers = askedOf(request).map(({ id }) => errorAnswer(id, rpcError))
  if (answers.length === 0) return jsonReply(errorAnswer(null, rpcError))
  return { ...jsonReply(inEnvelope(answers, request)), status: 200 }
}

function inEnvelope(answers: readonly object[], request: LlmRequest | undefined): unknown {
  return request instanceof McpRequest && request.envelope === 'batch' ? answers : answers[0]
}

function jsonReply(body: unknown): ReplyBody {
  return { contentType: 'application/json', body: encoder.encode(JSON.stringify(body)) }
}

function event(message: object): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`
}
