import { DecodedFrame, toFrame } from '../decoded-frame.ts'
import { type EventFrame, openEventStream } from '../event-stream.ts'
import { NO_PARTS, type Part, type StreamDecoder } from '../format.ts'
import { FrameReader } from '../frame-reader.ts'
import { parseJson } from '../json-body.ts'
import { Gathering } from './members.ts'
import {
  gatherMessage,
  idAnswered,
  isNotification,
  messagesIn,
  type RpcId,
  type RpcMessage,
} from './message.ts'

/** A frame that remembers what its messages answer. */
export class McpFrame extends DecodedFrame<readonly RpcId[]> {}

/** The answer to a POST as an event stream: each event is a whole message, and its texts are whole texts. */
export function openStream(): StreamDecoder {
  const reader = new MessageReader()
  return new FrameReader(openEventStream(), frame => reader.read(frame))
}

/** Reads the messages of one stream. */
class MessageReader {
  /** Texts that have begun, and so ended: each has a block of its own. */
  #texts = 0

  read(frame: EventFrame): McpFrame {
    const { bytes } = frame
    if (frame.kind === 'undecodable') return toFrame(McpFrame, bytes, frame.reason)
    const { event, data } = frame
    // An event without data only names the place from which a client may resume.
    if (data === undefined || data.trim() === '') return new McpFrame(bytes, NO_PARTS)
    const json = parseJson(data)
    const messages = json.kind === 'ok' ? messagesIn(json.value) : undefined
    if (messages !== undefined) return new McpFrame(bytes, this.#partsOf(messages), answeredBy(messages))
    // Clients skip events of other names, but what such a one says goes out.
    if (isForOthers(event)) return new McpFrame(bytes, [{ kind: 'uninspectable' }])
    return toFrame(McpFrame, bytes, json.kind === 'ok' ? 'wrong-shape' : json.reason)
  }

  /**
   * The terminator stands for an end of what belongs together, not of the stream: what the server asks, the client has
   * to see before the server goes on, and after an answer the server ends the stream itself. News without text has
   * nothing to be held for either; news with text waits as the policy's delivery has it.
   */
  #partsOf(messages: readonly RpcMessage[]): readonly Part[] {
    const into = new Gathering('response')
    for (const message of messages) gatherMessage(into, message)
    const parts = into.texts.map(({ kind: textKind, text, syntax, path }): Part => {
      return { kind: 'text-delta', choice: 0, textKind, block: this.#texts++, text, syntax, path }
    })
    for (let count = 0; count < into.uninspectable; count++) parts.push({ kind: 'uninspectable' })
    if (into.texts.some(({ kind }) => kind === 'tool-call')) parts.push({ kind: 'finish', choice: 0 })
    const isNews = messages.every(({ value }) => isNotification(value))
    if (!isNews || parts.length === 0) parts.push({ kind: 'terminator' })
    return parts
  }
}

/** Without a name, or with an empty one, an event is a message. */
function isForOthers(event: string | undefined): boolean {
  return event !== undefined && event !== '' && event !== 'message'
}

function answeredBy(messages: readonly RpcMessage[]): readonly RpcId[] {
  return messages.flatMap(({ value }) => idAnswered(value) ?? [])
}
