import { factsOf } from '../decoded-frame.ts'
import type { Frame, Refusal, ReplyBody, StreamPosition } from '../format.ts'
import { type ChunkFacts, ChunkFrame } from '../openai-chunk.ts'
import { assertOwnPosition } from '../own-position.ts'
import { responseFormatOf } from './request.ts'
import { openTranscriptStream } from './stream.ts'

/** What is kept of a transcript that is going out, to be said again at its end. Past it the end says the refusal alone. */
const MAX_SAID_CHARS = 1 << 20

/** What the client has seen of a transcript's stream. */
export class TranscriptPosition implements StreamPosition {
  /** Undefined: more than is kept. */
  said: string | undefined = ''
  terminated = false
  /** Of the first chunk, where the upstream writes chunks. */
  chunk: ChunkFacts | undefined
  finished = false

  released(frame: Frame): void {
    this.chunk ??= factsOf(ChunkFrame, frame, openTranscriptStream)
    for (const part of frame.parts) {
      if (part.kind === 'terminator') this.terminated = true
      else if (part.kind === 'finish') this.finished = true
      else if (part.kind === 'text-delta' && part.block === 0) this.#say(part.text)
    }
  }

  #say(text: string): void {
    if (this.said === undefined || this.said.length + text.length > MAX_SAID_CHARS) this.said = undefined
    else this.said += text
  }
}

const encoder = new TextEncoder()

/** A transcript that says no, in the form that was asked for. */
export function renderRefusal(refusal: Refusal, shape: 'json' | 'event-stream'): ReplyBody {
  if (shape === 'event-stream') {
    return { contentType: 'text/event-stream', body: streamRefusal(refusal, new TranscriptPosition()) }
  }
  const { request, message } = refusal
  switch (responseFormatOf(request)) {
    case 'text':
      return plain('text/plain; charset=utf-8', `${message}\n`)
    case 'srt':
      return plain('text/plain; charset=utf-8', `1\n00:00:00,000 --> 00:00:01,000\n${oneLine(message)}\n\n`)
    case 'vtt':
      return plain('text/vtt; charset=utf-8', `WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n${cue(message)}\n\n`)
    case 'verbose_json':
    case 'diarized_json':
      return json({ task: 'transcribe', language: 'unknown', duration: 0, text: message, segments: [] })
    default:
      return json({ text: message })
  }
}

function plain(contentType: string, text: string): ReplyBody {
  return { contentType, body: encoder.encode(text) }
}

function json(transcript: object): ReplyBody {
  return { contentType: 'application/json', body: encoder.encode(JSON.stringify(transcript)) }
}

/** A blank line would end a cue. */
function oneLine(message: string): string {
  return message.replace(/\s*[\r\n]+\s*/g, ' ')
}

/** WebVTT has markup, and an arrow that begins a cue. */
function cue(message: string): string {
  return oneLine(message).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}

/** The rest of a stream of which the client has seen `at`. Empty when its end is out. */
export function streamRefusal(refusal: Refusal, at: StreamPosition): Uint8Array {
  assertOwnPosition(at, TranscriptPosition)
  if (at.terminated) return new Uint8Array(0)
  const text = at.said === '' ? refusal.message : `\n\n${refusal.message}`
  return encoder.encode(at.chunk === undefined ? asEvents(text, at) : asChunks(refusal, text, at.chunk, at))
}

function asEvents(text: string, { said }: TranscriptPosition): string {
  const whole = said === undefined ? text.trimStart() : said + text
  return [
    { type: 'transcript.text.delta', delta: text },
    { type: 'transcript.text.done', text: whole },
  ]
    .map(event)
    .join('')
}

function asChunks(
  { id, createdSec, finishReason, request }: Refusal,
  text: string,
  chunk: ChunkFacts,
  { finished }: TranscriptPosition,
): string {
  const head = {
    id: chunk.id ?? `trsc-${id}`,
    object: 'transcription.chunk',
    created: chunk.createdSec ?? createdSec,
    model: chunk.model ?? request?.model ?? 'unknown',
  }
  const choices = [
    { delta: { content: text }, finish_reason: null },
    { delta: { content: '' }, finish_reason: finishReason === 'stop' ? 'stop' : 'content_filter' },
  ]
  const events = choices.map(choice => event({ ...head, choices: [choice] }))
  return `${finished ? '' : events.join('')}data: [DONE]\n\n`
}

function event(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`
}
