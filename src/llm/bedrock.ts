import { concatBytes, encodeAwsFrame, startsAwsEventStream } from './aws-event-stream.ts'
import type { ErrorContext, ProviderError, ReplyBody, ResponseShape } from './format.ts'
import { responseShape } from './response-shape.ts'

/** What the operations of the Bedrock runtime have in common, whatever a body is written in. */

export const EVENT_STREAM = 'application/vnd.amazon.eventstream'

/**
 * ARNs have slashes: the client encodes them, the normalised path has them plain. Read from the first `/model/` on and
 * from no other: a path of nothing else would be read over and over.
 */
const OPERATION =
  /^(?:(?!\/model\/).)*\/model\/(.+)\/(?:converse|converse-stream|invoke|invoke-with-response-stream)\/?$/

/** The model id, inference profile or ARN that the path names. */
export function modelInPath(path: string): string | undefined {
  return OPERATION.exec(path)?.[1]
}

/** Bedrock streams in frames of its own. SSE, which it never sends, is an event stream too: one that cannot be read. */
export function bedrockShape(contentType: string | undefined, firstBytes: Uint8Array): ResponseShape {
  const [mediaType = ''] = (contentType ?? '').split(';')
  if (mediaType.trim().toLowerCase() === EVENT_STREAM) return 'event-stream'
  const shape = responseShape(contentType, firstBytes)
  if (shape !== 'unknown' && shape !== 'more') return shape
  const starts = startsAwsEventStream(firstBytes)
  if (starts === 'yes') return 'event-stream'
  return shape === 'more' || starts === 'more' ? 'more' : 'unknown'
}

/** One event of a stream: its type and its payload, to be written as JSON. */
export type BedrockEvent = readonly [type: string, payload: object]

const encoder = new TextEncoder()

export function encodeEvents(events: readonly BedrockEvent[]): Uint8Array {
  return concatBytes(
    events.map(([type, payload]) => {
      const headers = { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' }
      return encodeAwsFrame(headers, encoder.encode(JSON.stringify(payload)))
    }),
  )
}

/** What a message of a stream is, told by its headers. */
export type MessageKind =
  | { readonly kind: 'event'; readonly type: string }
  /** The upstream gave up, which clients raise: there is no answer in it. */
  | { readonly kind: 'exception' }
  | { readonly kind: 'unknown' }

export function kindOf(headers: ReadonlyMap<string, string>): MessageKind {
  const type = headers.get(':event-type')
  switch (headers.get(':message-type')) {
    case 'event':
      return type === undefined ? { kind: 'unknown' } : { kind: 'event', type }
    case 'exception':
    case 'error':
      return { kind: 'exception' }
    default:
      return { kind: 'unknown' }
  }
}

/** The clients read an error's class from a header; `x-amzn-requestid` is what a user quotes to an operator. */
export function renderBedrockError(error: ProviderError, context: ErrorContext): ReplyBody {
  return {
    contentType: 'application/json',
    headers: { 'x-amzn-errortype': errorType(error.status), ...requestIdHeader(context.id) },
    body: encoder.encode(JSON.stringify({ message: error.message })),
  }
}

export function requestIdHeader(id: string): Readonly<Record<string, string>> {
  return { 'x-amzn-requestid': id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') }
}

/** The exceptions that the API declares, by their statuses; the nearest of them for any other. */
const ERROR_TYPES: ReadonlyMap<number, string> = new Map([
  [403, 'AccessDeniedException'],
  [404, 'ResourceNotFoundException'],
  [408, 'ModelTimeoutException'],
  [424, 'ModelErrorException'],
  [429, 'ThrottlingException'],
  [503, 'ServiceUnavailableException'],
])

function errorType(status: number): string {
  return ERROR_TYPES.get(status) ?? (status >= 500 ? 'InternalServerException' : 'ValidationException')
}
