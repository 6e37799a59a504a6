import { openEventStream } from '../event-stream.ts'
import {
  type Frame,
  NO_PARTS,
  type Part,
  type StreamDecoder,
  type TextKind,
  type Undecodable,
} from '../format.ts'
import { openJsonArray } from '../json-array.ts'
import { isJsonObject, type JsonObject, type JsonText, parseJson } from '../json-body.ts'
import type { Call, PartSink } from './message.ts'
import { type CandidateFacts, isAnswer, readAnswer } from './response.ts'

/** What a frame told its reader beside text: what a refusal that goes on with the stream must repeat or keep to. */
export interface AnswerFacts {
  readonly id: string | undefined
  readonly model: string | undefined
  readonly hasUsage: boolean
  readonly candidates: readonly CandidateFacts[]
}

/** A frame that remembers the facts of its answer, so that releasing it does not parse it a second time. */
export class GeminiFrame implements Frame {
  readonly bytes: Uint8Array
  readonly parts: readonly Part[]
  /** Undefined when the frame holds no answer: comments, errors, the end of an array. */
  readonly facts: AnswerFacts | undefined

  constructor(bytes: Uint8Array, parts: readonly Part[], facts?: AnswerFacts) {
    this.bytes = bytes
    this.parts = parts
    this.facts = facts
  }
}

/** A stream with `alt=sse`. It has no terminator. */
export function openEvents(): StreamDecoder {
  const answers = new AnswerReader()
  return new FrameReader(openEventStream(), frame => {
    if (frame.kind === 'undecodable') return undecodable(frame.bytes, frame.reason)
    const data = frame.data?.trim()
    if (data === undefined || data === '') return new GeminiFrame(frame.bytes, NO_PARTS)
    const json = parseJson(data)
    return json.kind === 'ok' ? answers.read(frame.bytes, json.value) : undecodable(frame.bytes, json.reason)
  })
}

/** A stream without `alt=sse`: one JSON array, whose closing bracket is the terminator. */
export function openArray(): StreamDecoder {
  const answers = new AnswerReader()
  return new FrameReader(openJsonArray(), frame => {
    if (frame.kind === 'undecodable') return undecodable(frame.bytes, frame.reason)
    if (frame.kind === 'element') return answers.read(frame.bytes, frame.value)
    return new GeminiFrame(frame.bytes, frame.kind === 'end' ? [{ kind: 'terminator' }] : [])
  })
}

interface Framer<T> {
  push(chunk: Uint8Array): readonly T[]
  end(): readonly T[]
  readonly buffered: number
}

/** Reads the frames that another cuts. A class, since V8 keeps objects long that have an accessor each of their own. */
class FrameReader<T> implements StreamDecoder {
  readonly #framer: Framer<T>
  readonly #read: (frame: T) => Frame

  constructor(framer: Framer<T>, read: (frame: T) => Frame) {
    this.#framer = framer
    this.#read = read
  }

  get buffered(): number {
    return this.#framer.buffered
  }

  push(chunk: Uint8Array): readonly Frame[] {
    return this.#framer.push(chunk).map(this.#read)
  }

  end(): readonly Frame[] {
    return this.#framer.end().map(this.#read)
  }
}

function undecodable(bytes: Uint8Array, reason: Undecodable): GeminiFrame {
  return new GeminiFrame(bytes, [{ kind: 'undecodable', reason }])
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

  read(bytes: Uint8Array, answer: unknown): GeminiFrame {
    if (!isAnswer(answer)) {
      // An error of the upstream, which clients raise: there is no answer in it.
      const isError = isJsonObject(answer) && isJsonObject(answer.error)
      return isError ? new GeminiFrame(bytes, []) : undecodable(bytes, 'wrong-shape')
    }
    const parts: Part[] = []
    const candidates = readAnswer(answer, choice => this.#sinkOf(parts, choice))
    if (candidates === 'wrong-shape') return undecodable(bytes, 'wrong-shape')
    const calling = new Set(parts.flatMap(part => (isCall(part) ? [part.choice] : [])))
    for (const { choice, isFinished } of candidates) {
      if (isFinished) this.#openCalls.delete(choice)
      // One end for all calls that are over: each has a block for each of its strings, which may be many.
      const areOver = calling.has(choice) && this.#callsOf(choice).length === 0
      if (isFinished || areOver) parts.push({ kind: 'finish', choice })
    }
    return new GeminiFrame(bytes, parts, readFacts(answer, candidates))
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
