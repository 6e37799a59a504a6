import { type Decoded, type LlmRequest, type TextSegment, WRONG_SHAPE } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { decodeRequestJson } from '../strict-json.ts'
import { gatherMessages, idAsked, messagesIn, type RpcId } from './message.ts'

/** A message that wants an answer, and which kind of answer a refusal is to its client. */
export interface Asked {
  readonly id: RpcId
  /** `tool-result`: the model reads it and goes on. `error`: the client's own code gets it. */
  readonly refusedBy: 'tool-result' | 'error'
  /** Protocol 2026-07-28 wants to be told in each result whether it is one; older versions do not know the member. */
  readonly resultType: 'complete' | undefined
}

/** A POST of the client: what a refusal has to answer, and in what. */
export class McpRequest implements LlmRequest {
  /** The protocol knows no model. */
  readonly model = undefined
  /** The client takes both, and the server chooses. */
  readonly streams = undefined
  readonly choices = 1
  readonly structuredOutput = false
  readonly streamUsage = false
  readonly isTextless = true
  readonly segments: readonly TextSegment[]
  readonly uninspectable: number
  /** Empty for notifications and for the client's own answers. At most MAX_BATCH. */
  readonly asked: readonly Asked[]
  readonly envelope: 'single' | 'batch'

  constructor(read: Pick<McpRequest, 'segments' | 'uninspectable' | 'asked' | 'envelope'>) {
    this.segments = read.segments
    this.uninspectable = read.uninspectable
    this.asked = read.asked
    this.envelope = read.envelope
  }
}

/** A POST to a server's endpoint. What the server would refuse as well is `wrong-shape`. */
export function decodeRequest(body: Uint8Array): Decoded<McpRequest> {
  const json = decodeRequestJson(body)
  if (json.kind !== 'ok') return json
  const messages = messagesIn(json.value)
  if (messages === undefined || !messages.every(({ value }) => hasNamedParams(value))) return WRONG_SHAPE
  const { segments, uninspectable } = gatherMessages('request', messages)
  const asked = messages.flatMap(({ value }) => askedBy(value) ?? [])
  const envelope = Array.isArray(json.value) ? 'batch' : 'single'
  return { kind: 'ok', value: new McpRequest({ segments, uninspectable, asked, envelope }) }
}

/** JSON-RPC also has parameters by position; MCP has not. */
function hasNamedParams({ params }: JsonObject): boolean {
  return !isPresent(params) || isJsonObject(params)
}

function askedBy(message: JsonObject): Asked | undefined {
  const id = idAsked(message)
  if (id === undefined) return undefined
  const params = isJsonObject(message.params) ? message.params : {}
  // A call that is to run as a task is answered with the task, not with a tool's result.
  const isToolCall = message.method === 'tools/call' && !isJsonObject(params.task)
  // Since 2026-07-28 there is no handshake: each message names the version that it is in.
  const isVersioned = isJsonObject(params._meta) && VERSION in params._meta
  return {
    id,
    refusedBy: isToolCall ? 'tool-result' : 'error',
    resultType: isVersioned ? 'complete' : undefined,
  }
}

const VERSION = 'io.modelcontextprotocol/protocolVersion'
