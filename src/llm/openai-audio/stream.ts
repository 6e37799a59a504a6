import { DecodedFrame, type Told } from '../decoded-frame.ts'
import type { JsonPath, Part, StreamDecoder } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { errorOrWrong, openJsonEvents } from '../json-events.ts'
import { type ChunkFacts, ChunkFrame, readChunkFacts } from '../openai-chunk.ts'

/** `speech.audio.delta` and `speech.audio.done`: sound. */
export function openSpeechStream(): StreamDecoder {
  return openJsonEvents(DecodedFrame, readSpeechEvent)
}

function readSpeechEvent(event: JsonObject): Told<undefined> {
  switch (event.type) {
    case 'speech.audio.delta':
      return { parts: [{ kind: 'uninspectable' }] }
    case 'speech.audio.done':
      return { parts: [{ kind: 'terminator' }] }
    default:
      return errorOrWrong(event)
  }
}

/**
 * The blocks of a transcript's stream: the text itself, and the speakers' segments, which say it once more. Findings may
 * reach over the borders of either, so that the segments are one running text as well.
 */
const TEXT = 0
const SEGMENTS = 1

/** `transcript.text.delta`, `.segment` and `.done`; vLLM writes chunks in the manner of a chat instead. */
export function openTranscriptStream(): StreamDecoder {
  return openJsonEvents(ChunkFrame, readTranscriptEvent, { repeats: true })
}

function readTranscriptEvent(event: JsonObject): Told<ChunkFacts> {
  switch (event.type) {
    case 'transcript.text.delta':
      return { parts: readText('text-delta', TEXT, event.delta, ['delta']) }
    case 'transcript.text.segment':
      return { parts: readText('text-delta', SEGMENTS, event.text, ['text']) }
    case 'transcript.text.done':
      return { parts: [...readText('text-repeat', TEXT, event.text, ['text']), { kind: 'terminator' }] }
    default:
      return Array.isArray(event.choices) ? readChunk(event, event.choices) : errorOrWrong(event)
  }
}

function readText(
  kind: 'text-delta' | 'text-repeat',
  block: number,
  text: unknown,
  path: JsonPath,
): readonly Part[] {
  if (typeof text !== 'string') return isPresent(text) ? [{ kind: 'uninspectable' }] : []
  return text === '' ? [] : [{ kind, choice: 0, textKind: 'content', block, text, path }]
}

/** One transcript, whatever the choice says of its index. */
function readChunk(chunk: JsonObject, choices: readonly unknown[]): Told<ChunkFacts> {
  const parts: Part[] = []
  for (const [position, choice] of choices.entries()) {
    if (!isJsonObject(choice)) return 'wrong-shape'
    const { delta } = choice
    if (isPresent(delta) && !isJsonObject(delta)) return 'wrong-shape'
    const content = isJsonObject(delta) ? delta.content : undefined
    parts.push(...readText('text-delta', TEXT, content, ['choices', position, 'delta', 'content']))
    if (isPresent(choice.finish_reason) && choice.finish_reason !== '')
      parts.push({ kind: 'finish', choice: 0 })
  }
  return { parts, facts: readChunkFacts(chunk) }
}
