import { type AwsFrame, openAwsEventStream } from '../aws-event-stream.ts'
import { kindOf } from '../bedrock.ts'
import { DecodedFrame, toFrame } from '../decoded-frame.ts'
import type { StreamDecoder } from '../format.ts'
import { FrameReader } from '../frame-reader.ts'
import { decodeJsonBody, isJsonObject } from '../json-body.ts'
import { type EventFacts, EventReader } from './event.ts'

/** A frame that remembers what its event does to the message. */
export class ConverseFrame extends DecodedFrame<EventFacts> {}

export function openStream(): StreamDecoder {
  const events = new EventReader()
  return new FrameReader(openAwsEventStream(), frame => readFrame(events, frame))
}

function readFrame(events: EventReader, frame: AwsFrame): ConverseFrame {
  const { bytes } = frame
  if (frame.kind === 'undecodable') return toFrame(ConverseFrame, bytes, frame.reason)
  const told = kindOf(frame.headers)
  if (told.kind === 'exception') return new ConverseFrame(bytes, [])
  if (told.kind === 'unknown') return toFrame(ConverseFrame, bytes, 'wrong-shape')
  const json = decodeJsonBody(frame.payload)
  if (json.kind !== 'ok') return toFrame(ConverseFrame, bytes, json.reason)
  const reading = isJsonObject(json.value) ? events.read(told.type, json.value, []) : 'wrong-shape'
  return toFrame(ConverseFrame, bytes, reading)
}
