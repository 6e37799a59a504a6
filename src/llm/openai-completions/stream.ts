import type { Told } from '../decoded-frame.ts'
import type { Part, StreamDecoder } from '../format.ts'
import { isJsonObject, isPresent, type JsonObject } from '../json-body.ts'
import { errorOrWrong, openJsonEvents } from '../json-events.ts'
import { type ChunkFacts, ChunkFrame, readChunkFacts } from '../openai-chunk.ts'
import { choiceTexts } from './choice.ts'

/**
 * Choices are prompts × n, and the API takes so many prompts: a chunk of a choice past it is undecodable. It bounds what
 * is kept of a stream.
 */
const MAX_STREAMED_CHOICES = 2048

export function openStream(): StreamDecoder {
  return openJsonEvents(ChunkFrame, readChunk)
}

function readChunk(chunk: JsonObject): Told<ChunkFacts> {
  if (!Array.isArray(chunk.choices)) return errorOrWrong(chunk)
  const parts: Part[] = []
  for (const [position, choice] of chunk.choices.entries()) {
    const index = isJsonObject(choice) ? choiceIndex(choice.index, position) : undefined
    if (!isJsonObject(choice) || index === undefined) return 'wrong-shape'
    for (const { text, path, place } of choiceTexts(choice)) {
      if (text === undefined) parts.push({ kind: 'uninspectable' })
      else {
        const where = { choice: index, textKind: 'content', block: place } as const
        parts.push({ kind: 'text-delta', ...where, text, path: ['choices', position, ...path] })
      }
    }
    // Some servers write an empty one where others leave it out.
    if (isPresent(choice.finish_reason) && choice.finish_reason !== '')
      parts.push({ kind: 'finish', choice: index })
  }
  return { parts, facts: readChunkFacts(chunk) }
}

/** A choice without an index stands where its place says. */
function choiceIndex(index: unknown, position: number): number | undefined {
  const choice = isPresent(index) ? index : position
  const isIndex = typeof choice === 'number' && Number.isInteger(choice) && choice >= 0
  return isIndex && choice < MAX_STREAMED_CHOICES ? choice : undefined
}
