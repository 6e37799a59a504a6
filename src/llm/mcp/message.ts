import type { Completion, JsonPath, TextSegment } from '../format.ts'
import { isJsonObject, type JsonObject } from '../json-body.ts'
import { Gathering, gatherMembers, type Voice } from './members.ts'

/** A JSON-RPC id as MCP has them: never null. */
export type RpcId = string | number

/** One JSON-RPC message and its place in the body or event. */
export interface RpcMessage {
  readonly value: JsonObject
  readonly path: JsonPath
}

/**
 * Messages of one array. Only one version of the protocol (2025-03-26) has arrays at all, and a refusal answers every
 * message of one: more than this is refused unread.
 */
export const MAX_BATCH = 1000

/** The messages of a body or an event: one, or an array of them. Undefined when it is anything else. */
export function messagesIn(root: unknown): readonly RpcMessage[] | undefined {
  if (!Array.isArray(root)) return isMessage(root) ? [{ value: root, path: [] }] : undefined
  if (root.length === 0 || root.length > MAX_BATCH) return undefined
  const messages: RpcMessage[] = []
  for (const [index, value] of root.entries()) {
    if (!isMessage(value)) return undefined
    messages.push({ value, path: [index] })
  }
  return messages
}

/** A request or notification, a result, or an error. `jsonrpc` is not asked for: some servers do not either. */
function isMessage(value: unknown): value is JsonObject {
  if (!isJsonObject(value)) return false
  return typeof value.method === 'string' || value.result !== undefined || isJsonObject(value.error)
}

/** The id of a message that wants an answer. */
export function idAsked({ method, id }: JsonObject): RpcId | undefined {
  return typeof method === 'string' && isId(id) ? id : undefined
}

/** The id of the message that this one answers. */
export function idAnswered({ method, id }: JsonObject): RpcId | undefined {
  return typeof method !== 'string' && isId(id) ? id : undefined
}

/** Neither wants an answer nor is one. */
export function isNotification({ method, id }: JsonObject): boolean {
  return typeof method === 'string' && id === undefined
}

/** An integer that a double cannot hold cannot be said back either, and an answer to another id is no answer. */
function isId(id: unknown): id is RpcId {
  if (typeof id === 'string') return true
  return typeof id === 'number' && (!Number.isInteger(id) || Number.isSafeInteger(id))
}

/**
 * What the client sends has no history: all of it is new. No text of it is the assistant's, be it a model's choice of
 * tool or its answer to the server's sampling request, so that a rule for the latest turn sees every one of them.
 */
const FROM_CLIENT: Voice = { role: 'user', kind: 'content' }
const FROM_SERVER: Voice = { role: 'tool', kind: 'tool-result' }

/** Reads every text of a message. */
export function gatherMessage(into: Gathering, { value, path }: RpcMessage): void {
  const voice = into.side === 'request' ? FROM_CLIENT : FROM_SERVER
  const { method, params, result, error } = value
  const asked = method === 'tools/call' ? 'tool-call' : 'other'
  gatherMembers(into, { params, result, error }, path, { ...voice, asked })
}

/** Reads every text of a body's messages; a segment's `message` is its message's place among them. */
export function gatherMessages(side: 'request' | 'response', messages: readonly RpcMessage[]): Completion {
  const segments: TextSegment[] = []
  let uninspectable = 0
  for (const [index, message] of messages.entries()) {
    const into = new Gathering(side)
    gatherMessage(into, message)
    segments.push(...into.texts.map(text => ({ message: index, ...text })))
    uninspectable += into.uninspectable
  }
  return { segments, uninspectable }
}
