import { WeirError } from '../errors.ts'
import type { ReadJob, ReadResult } from '../exchange/body-reading.ts'
import type { Completion, Decoded, LlmRequest, RequestPlace, TextEdit } from '../llm/format.ts'
import { formatNamed } from '../llm/formats.ts'

/**
 * Jobs and results as they go from one thread to the other: bytes are handed over, a format goes by its name, and what
 * has many members goes as JSON, which is read several times as fast as what a port makes of objects.
 */
type Coded = {
  readonly body: Uint8Array
  readonly contentEncoding: string | undefined
  readonly maxBytes: number
  readonly roomBytes: number
}
export type JobMessage = { readonly format: string } & (
  | (Coded & {
      readonly kind: 'request'
      readonly place: RequestPlace
      readonly form: 'as-it-came' | 'canonical'
    })
  | (Coded & {
      readonly kind: 'response'
      readonly shape: 'json' | 'event-stream'
      readonly contentType: string | undefined
    })
  | { readonly kind: 'rewrite'; readonly body: Uint8Array; readonly edits: string }
)

/** `body`: undefined where it is the job's. */
export type ResultMessage =
  | {
      readonly kind: 'request'
      readonly body: Uint8Array | undefined
      readonly decoded: string
      readonly canonical: Uint8Array | undefined
    }
  | { readonly kind: 'response'; readonly body: Uint8Array | undefined; readonly decoded: string }
  | Extract<ReadResult, { kind: 'rewrite' | 'fault' }>

/** With a copy of the body that may be handed over. */
export function messageOf(job: ReadJob): JobMessage {
  // A body may be a piece of larger memory, all of which would go along. A Buffer's own slice would be no copy: the
  // body itself would be handed over, and be empty here.
  const body = new Uint8Array(job.body)
  const format = job.format.name
  if (job.kind === 'rewrite') return { kind: 'rewrite', format, body, edits: JSON.stringify(job.edits) }
  return { ...job, format, body }
}

/** @throws WeirError `bug` where no format has that name */
export function jobOf(message: JobMessage): ReadJob {
  const format = formatNamed(message.format)
  if (format === undefined) throw new WeirError('bug', `no format is named ${message.format}`)
  if (message.kind !== 'rewrite') return { ...message, format }
  const edits: readonly TextEdit[] = JSON.parse(message.edits)
  return { kind: 'rewrite', format, body: message.body, edits }
}

export function messageOfResult(result: ReadResult, job: ReadJob): ResultMessage {
  if (result.kind === 'fault' || result.kind === 'rewrite') return result
  const body = result.body === job.body ? undefined : result.body
  return { ...result, body, decoded: JSON.stringify(result.decoded) }
}

export function resultOf(message: ResultMessage, job: ReadJob): ReadResult {
  switch (message.kind) {
    case 'request': {
      const decoded: Decoded<LlmRequest> = JSON.parse(message.decoded)
      return { ...message, body: message.body ?? job.body, decoded }
    }
    case 'response': {
      const decoded: Decoded<Completion> = JSON.parse(message.decoded)
      return { ...message, body: message.body ?? job.body, decoded }
    }
    default:
      return message
  }
}

/** What of a message is handed over, not copied. Memory that somebody else may look at is not. */
export function handedOver(message: JobMessage | ResultMessage): ArrayBuffer[] {
  if (message.kind === 'fault') return []
  const arrays =
    message.kind === 'request' && 'canonical' in message ? [message.body, message.canonical] : [message.body]
  const owned = arrays.filter(array => array !== undefined).filter(ownsItsMemory)
  return [...new Set(owned.map(array => array.buffer))]
}

function ownsItsMemory(array: Uint8Array): array is Uint8Array<ArrayBuffer> {
  return array.buffer instanceof ArrayBuffer && array.byteLength === array.buffer.byteLength
}
