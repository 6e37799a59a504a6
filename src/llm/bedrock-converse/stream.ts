import { type AwsFrame, openAwsEventStream } from '../aws-event-stream.ts'
import { kindOf } from '../bedrock.ts'
import type { Frame, Part, StreamDecoder, Undecodable } from '../format.ts'
import { decodeJsonBody, isJsonObject } from '../json-body.ts'
import { type EventFacts, EventReader } from './event.ts'

/** A frame that remembers what its event does to the message, so that releasing it does not parse it a second time. */
export class ConverseFrame implements Frame {
  readonly bytes: Uint8Array
  readonly parts: readonly Part[]
  /** Undefined when the frame holds no event of a message. */
  readonly facts: EventFacts | undefined

  constructor(bytes: Uint8Array, parts: readonly Part[], facts?: EventFacts) {
    this.bytes = bytes
    this.parts = parts
    this.facts = facts
  }
}

export function undecodable(bytes: Uint8Array, reason: Undecodable): ConverseFrame {
  return new ConverseFrame(bytes, [{ kind: 'undecodable', reason }])
}

export function openStream(): StreamDecoder {
  return new ConverseStream()
}

class ConverseStream implements StreamDecoder {
  readonly #framer = openAwsEventStream()
  readonly #events = new EventReader()

  get buffered(): number {
    return this.#framer.buffered
  }

  push(chunk: Uint8Array): readonly Frame[] {
    return this.#framer.push(chunk).map(frame => this.#read(frame))
  }

  end(): readonly Frame[] {
    return this.#framer.end().map(frame => this.#read(frame))
  }

  #read(frame: AwsFrame): ConverseFrame {
    if (frame.kind === 'undecodable') return undecodable(frame.bytes, frame.reason)
    const told = kindOf(frame.headers)
    if (told.kind === 'exception') return new ConverseFrame(frame.bytes, [])
    if (told.kind === 'unknown') return undecodable(frame.bytes, 'wrong-shape')
    const json = decodeJsonBody(frame.payload)
    if (json.kind !== 'ok') return undecodable(frame.bytes, json.reason)
    if (!isJsonObject(json.value)) return undecodable(frame.bytes, 'wrong-shape')
    const { parts, facts } = this.#events.read(told.type, json.value, [])
    return new ConverseFrame(frame.bytes, parts, facts)
  }
}
