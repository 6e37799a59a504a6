/** What a scripted processor gets and gives, in the words of the wire contract (as proto-loader spells it). */

export type Side = 'request' | 'response'
type Phase = `${Side}_${'headers' | 'body' | 'trailers'}`

interface WireHeader {
  readonly key: string
  readonly value: string
  readonly raw_value: Buffer
}

interface WireHttpHeaders {
  readonly headers: { readonly headers: readonly WireHeader[] }
  readonly end_of_stream: boolean
}

interface WireHttpBody {
  readonly body: Buffer
  readonly end_of_stream: boolean
}

export interface WireMessage {
  readonly request: Phase
  readonly request_headers?: WireHttpHeaders
  readonly response_headers?: WireHttpHeaders
  readonly request_body?: WireHttpBody
  readonly response_body?: WireHttpBody
  readonly observability_mode: boolean
  readonly attributes: Readonly<
    Record<string, { readonly fields: Record<string, { readonly stringValue?: string }> }>
  >
  readonly protocol_config: {
    readonly request_body_mode: string
    readonly response_body_mode: string
    readonly send_body_without_waiting_for_header_response: boolean
  } | null
}

export type WireReply = Readonly<Record<string, unknown>>

/** Adds or overwrites (`set`) and removes headers. */
export interface Mutation {
  readonly set?: Readonly<Record<string, string>>
  readonly remove?: readonly string[]
}

export interface Immediate {
  readonly status: number
  readonly set?: Readonly<Record<string, string>>
  readonly body?: string
  readonly details?: string
}

/** A header phase goes on. `override` is a `mode_override` beside it. */
export function headers(
  side: Side,
  mutation: Mutation = {},
  override?: Readonly<Record<string, string>>,
): WireReply {
  return {
    [`${side}_headers`]: { response: { header_mutation: headerMutation(mutation) } },
    ...(override ? { mode_override: override } : {}),
  }
}

/** Outside full duplex: the one answer to a body message. Without `body` it goes on as it came. */
export function body(side: Side, bytes?: string, mutation?: Mutation): WireReply {
  return bodyReply(side, bytes === undefined ? undefined : { body: Buffer.from(bytes) }, mutation)
}

/** Outside full duplex: the body message goes on with no bytes. */
export function clearedBody(side: Side): WireReply {
  return bodyReply(side, { clear_body: true }, undefined)
}

/** Full duplex: one piece of a body, in nobody's place. */
export function piece(
  side: Side,
  bytes: string,
  end: 'more' | 'end' = 'more',
  mutation?: Mutation,
): WireReply {
  return bodyReply(
    side,
    { streamed_response: { body: Buffer.from(bytes), end_of_stream: end === 'end' } },
    mutation,
  )
}

export function trailers(side: Side): WireReply {
  return { [`${side}_trailers`]: {} }
}

/** An answer of ours in place of the upstream's. */
export function immediate(answer: Immediate): WireReply {
  return {
    immediate_response: {
      status: { code: answer.status },
      headers: headerMutation({ set: answer.set }),
      body: Buffer.from(answer.body ?? ''),
      details: answer.details ?? '',
    },
  }
}

function bodyReply(side: Side, mutated: object | undefined, mutation: Mutation | undefined): WireReply {
  const response = {
    ...(mutated ? { body_mutation: mutated } : {}),
    ...(mutation ? { header_mutation: headerMutation(mutation) } : {}),
  }
  return { [`${side}_body`]: { response } }
}

function headerMutation({ set = {}, remove = [] }: Mutation): object {
  return {
    set_headers: Object.entries(set).map(([key, value]) => ({
      header: { key, raw_value: Buffer.from(value) },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    })),
    remove_headers: remove,
  }
}

/** The value of a header of a message, as Envoy sends it. */
export function headerOf(message: WireMessage, name: string): string | undefined {
  const all = (message.request_headers ?? message.response_headers)?.headers.headers ?? []
  return all.find(header => header.key === name)?.raw_value.toString()
}

/** Bytes and end of a body message. */
export function bodyOf(message: WireMessage): { text: string; end: boolean } {
  const found = message.request_body ?? message.response_body
  if (!found) throw new Error(`${message.request} has no body`)
  return { text: found.body.toString(), end: found.end_of_stream }
}

/** The phases that a call was shown, in order. */
export function phasesOf(messages: readonly WireMessage[]): string[] {
  return messages.map(message => message.request)
}
