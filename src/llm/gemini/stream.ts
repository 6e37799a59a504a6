import { DecodedFrame, type Told, toFrame } from '../decoded-frame.ts'
import type { Part, StreamDecoder, TextKind } from '../format.ts'
import { FrameReader } from '../frame-reader.ts'
import { openJsonArray } from '../json-array.ts'
import { isJsonObject, type JsonObject, type JsonText } from '../json-body.ts'
import { openJsonEvents, SAYS_NOTHING } from '../json-events.ts'
import type { Call, PartSink } from './message.ts'
import { type CandidateFacts, isAnswer, readAnswer } from './response.ts'

/** What a frame told its reader beside text: what a refusal that goes on with the stream must repeat or keep to. */
export interface AnswerFacts {
  readonly id: string | undefined
  readonly model: string | undefined
  readonly hasUsage: boolean
  readonly candidates: readonly CandidateFacts[]
}

export class GeminiFrame extends DecodedFrame<AnswerFacts> {}

/** A stream with `alt=sse`. It has no terminator. */
export function openEvents(): StreamDecoder {
  const answers = new AnswerReader()
  return openJsonEvents(GeminiFrame, answer => answers.read(answer), { done: 'not-json' })
}

/** A stream without `alt=sse`: one JSON array, whose closing bracket is the terminator. */
export function openArray(): StreamDecoder {
  const answers = new AnswerReader()
  return new FrameReader(openJsonArray(), frame => {
    if (frame.kind === 'undecodable') return toFrame(GeminiFrame, frame.bytes, frame.reason)
    if (frame.kind === 'element') return toFrame(GeminiFrame, frame.bytes, answers.read(frame.value))
    return new GeminiFrame(frame.bytes, frame.kind === 'end' ? [{ kind: 'terminator' }] : [])
  })
}

/**
 * The blocks of a candidate's texts. Its words and its thoughts each run on from part to part and from event to event,
 * whatever stands between: clients join them. All else comes whole, and is a block of its own, counted through the
 * stream; so is each argument of a call that is streamed piece by piece.
 */
const WORDS = 0
const TRANSCRIPT = 1
const FIRST_OWN_BLOCK = 2

/** A call whose arguments are streamed piece by piece. Its frames are held until it ends, which bounds this as well. */
interface OpenCall {
  readonly id: string | undefined
  /** The block of what says nothing. */
  readonly block: number
  /** The block of each argument. */
  readonly blocks: Map<string, number>
}

/** Reads the answers of one stream. */
class AnswerReader {
  #nextBlock = FIRST_OWN_BLOCK
  /** By candidate: the streamed calls that have not ended, the newest last. */
  readonly #openCalls = new Map<number, OpenCall[]>()

  read(answer: unknown): Told<AnswerFacts> {
    if (!isAnswer(answer)) {
      return isJsonObject(answer) && isJsonObject(answer.error) ? SAYS_NOTHING : 'wrong-shape'
    }
    const parts: Part[] = []
    const candidates = readAnswer(answer, choice => this.#sinkOf(parts, choice))
    if (candidates === 'wrong-shape') return 'wrong-shape'
    const calling = new Set(parts.flatMap(part => (isCall(part) ? [part.choice] : [])))
    for (const { choice, isFinished } of candidates) {
      if (isFinished) this.#openCalls.delete(choice)
      // One end for all calls that are over: each has a block for each of its strings, which may be many.
      const areOver = calling.has(choice) && this.#callsOf(choice).length === 0
      if (isFinished || areOver) parts.push({ kind: 'finish', choice })
    }
    return { parts, facts: readFacts(answer, candidates) }
  }

  #sinkOf(parts: Part[], choice: number): PartSink {
    const delta = (textKind: TextKind, block: number, { path, text }: JsonText): void => {
      if (text !== '') parts.push({ kind: 'text-delta', choice, textKind, block, text, path })
    }
    return {
      said: (kind, text) => {
        if (kind === 'reasoning') delta('reasoning', WORDS, text)
        else delta('content', kind === 'transcript' ? TRANSCRIPT : WORDS, text)
      },
      aside: text => delta('content', this.#nextBlock++, text),
      called: call => {
        const open = this.#streamedCall(call, choice)
        // Nothing of a call may go before all of it was seen, be there a text in this piece or not.
        const block = open?.block ?? this.#nextBlock++
        parts.push({ kind: 'text-delta', choice, textKind: 'tool-call', block, text: '', path: call.path })
        for (const text of call.texts) delta('tool-call', this.#nextBlock++, text)
        for (const text of call.fragments) delta('tool-call', this.#blockOf(open, text.argument), text)
      },
      returned: texts => {
        for (const text of texts) delta('tool-result', this.#nextBlock++, text)
      },
      uninspectable: () => parts.push({ kind: 'uninspectable' }),
      oddShape: () => parts.push({ kind: 'uninspectable' }),
    }
  }

  #callsOf(choice: number): OpenCall[] {
    const known = this.#openCalls.get(choice)
    if (known !== undefined) return known
    const fresh: OpenCall[] = []
    this.#openCalls.set(choice, fresh)
    return fresh
  }

  /** The streamed call that this is a piece of, if it is one; with the last piece the call ends. */
  #streamedCall({ id, isNamed, isPiece, continues, texts }: Call, choice: number): OpenCall | undefined {
    const calls = this.#callsOf(choice)
    const newest = calls.at(-1)
    const isMore = newest !== undefined && (!isNamed || (id !== undefined && id === newest.id))
    if (!isPiece && !(isMore && texts.length === 0)) return undefined
    const open = isMore ? newest : { id, block: this.#nextBlock++, blocks: new Map<string, number>() }
    if (continues && !isMore) calls.push(open)
    else if (!continues && isMore) calls.pop()
    return open
  }

  #blockOf(open: OpenCall | undefined, argument: string): number {
    const block = open?.blocks.get(argument) ?? this.#nextBlock++
    open?.blocks.set(argument, block)
    return block
  }
}

function isCall(part: Part): part is Extract<Part, { kind: 'text-delta' }> {
  return part.kind === 'text-delta' && part.textKind === 'tool-call'
}

function readFacts(answer: JsonObject, candidates: readonly CandidateFacts[]): AnswerFacts {
  const { responseId, modelVersion, usageMetadata } = answer
  return {
    id: typeof responseId === 'string' && responseId !== '' ? responseId : undefined,
    model: typeof modelVersion === 'string' && modelVersion !== '' ? modelVersion : undefined,
    hasUsage: isJsonObject(usageMetadata),
    candidates,
  }
}
