import { type Completion, type Decoded, type JsonPath, NO_TEXT, WRONG_SHAPE } from '../format.ts'
import {
  decodeJsonBody,
  decodeJsonObject,
  isJsonObject,
  isPresent,
  type JsonObject,
  type JsonText,
  textsInside,
} from '../json-body.ts'
import { type Call, fieldsOf, Gathering, type PartSink, readParts } from './message.ts'
import { MAX_CANDIDATES } from './request.ts'

/**
 * A `GenerateContentResponse`; a segment's `message` is the index of its candidate. A list of those is a stream: its
 * texts run on from entry to entry, and what only shows when they meet would go unseen here.
 */
export function decodeResponse(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonBody(body)
  if (json.kind !== 'ok') return json
  if (!isAnswer(json.value)) return WRONG_SHAPE
  const into = new Gathering('response')
  if (readAnswer(json.value, choice => new Answer(into, choice)) === 'wrong-shape') return WRONG_SHAPE
  return into.toCompletion()
}

/** An answer of numbers only, such as those to `:countTokens` and `:embedContent`. */
export function decodeTextless(body: Uint8Array): Decoded<Completion> {
  const json = decodeJsonObject(body)
  if (json.kind !== 'ok') return json
  return isPresent(json.value.candidates) ? WRONG_SHAPE : NO_TEXT
}

/** Every field of an answer may be absent, but not all of them. */
export function isAnswer(value: unknown): value is JsonObject {
  return isJsonObject(value) && ANSWER_KEYS.some(key => isPresent(value[key]))
}

const ANSWER_KEYS = ['candidates', 'promptFeedback', 'usageMetadata', 'modelVersion', 'responseId']

/** What a candidate tells beside its texts. */
export interface CandidateFacts {
  readonly choice: number
  /** It says that it is complete. Some models say so in every event of a stream. */
  readonly isFinished: boolean
}

/** Reads the texts of an answer, candidate by candidate, each into a sink of its own. */
export function readAnswer(
  answer: JsonObject,
  sinkOf: (choice: number) => PartSink,
): readonly CandidateFacts[] | 'wrong-shape' {
  const candidates = isPresent(answer.candidates) ? answer.candidates : []
  if (!Array.isArray(candidates) || !candidates.every(isJsonObject)) return 'wrong-shape'
  const choices = choicesOf(candidates)
  if (choices === 'wrong-shape') return choices
  if (isJsonObject(answer.promptFeedback)) {
    const place = ['promptFeedback', 'blockReasonMessage']
    const sink = sinkOf(0)
    for (const text of textsInside(answer.promptFeedback.blockReasonMessage, place)) sink.aside(text)
  }
  return candidates.map((candidate, position) => {
    const choice = choices[position]!
    readCandidate(sinkOf(choice), candidate, ['candidates', position])
    return { choice, isFinished: isFinalReason(candidate.finishReason) }
  })
}

/** With `CONTINUATION` the answer goes on in another response. */
const NOT_FINAL: ReadonlySet<unknown> = new Set(['', 'FINISH_REASON_UNSPECIFIED', 'CONTINUATION'])

function isFinalReason(reason: unknown): boolean {
  return isPresent(reason) && !NOT_FINAL.has(reason)
}

/** Texts of a candidate beside its content: addresses and titles of cited pages, queries, quotes of the answer. */
const ASIDES = [
  'finishMessage',
  'citationMetadata',
  'groundingMetadata',
  'groundingAttributions',
  'urlContextMetadata',
] as const

function readCandidate(sink: PartSink, candidate: JsonObject, path: JsonPath): void {
  if (isPresent(candidate.content)) readParts(sink, candidate.content, [...path, 'content'])
  for (const key of ASIDES) {
    for (const field of fieldsOf(candidate, key, path)) {
      for (const text of textsInside(field.value, field.path)) sink.aside(text)
    }
  }
}

/**
 * The index of each candidate. One without is the first that no other is: the API leaves 0 out. Two of one index would
 * mix their texts.
 */
function choicesOf(candidates: readonly JsonObject[]): readonly number[] | 'wrong-shape' {
  const named = candidates.flatMap(({ index }) => (isPresent(index) ? [index] : []))
  const taken = new Set(named)
  if (candidates.length > MAX_CANDIDATES || taken.size < named.length) return 'wrong-shape'
  const choices: number[] = []
  for (const { index } of candidates) {
    const choice = isPresent(index) ? index : firstBeside(taken)
    if (typeof choice !== 'number' || !Number.isInteger(choice)) return 'wrong-shape'
    if (choice < 0 || choice >= MAX_CANDIDATES) return 'wrong-shape'
    taken.add(choice)
    choices.push(choice)
  }
  return choices
}

function firstBeside(taken: ReadonlySet<unknown>): number {
  let free = 0
  while (taken.has(free)) free++
  return free
}

/** One candidate of a whole answer. */
class Answer implements PartSink {
  readonly #into: Gathering
  readonly #choice: number

  constructor(into: Gathering, choice: number) {
    this.#into = into
    this.#choice = choice
  }

  said(kind: 'content' | 'reasoning' | 'transcript', text: JsonText): void {
    this.#into.add(this.#choice, 'assistant', kind === 'reasoning' ? kind : 'content', text)
  }

  aside(text: JsonText): void {
    this.said('content', text)
  }

  called({ texts, fragments }: Call): void {
    for (const text of [...texts, ...fragments]) {
      this.#into.add(this.#choice, 'assistant', 'tool-call', text)
    }
  }

  returned(texts: readonly JsonText[]): void {
    for (const text of texts) this.#into.add(this.#choice, 'assistant', 'tool-result', text)
  }

  uninspectable(): void {
    this.#into.uninspectable++
  }

  oddShape(): void {
    this.#into.addOddShape()
  }
}

/** `candidates` is too common a word to go by alone. */
export function claimsResponse(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  const { candidates } = value
  if (Array.isArray(candidates)) return candidates.every(isCandidate)
  return (
    isJsonObject(value.promptFeedback) || (isJsonObject(value.usageMetadata) && isPresent(value.modelVersion))
  )
}

function isCandidate(candidate: unknown): boolean {
  if (!isJsonObject(candidate)) return false
  return isJsonObject(candidate.content) || isPresent(candidate.finishReason)
}

/** A whole stream without `alt=sse`. */
export function claimsArray(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(claimsResponse)
}

export function claimsTokenCount(value: unknown): boolean {
  return isJsonObject(value) && typeof value.totalTokens === 'number'
}

/** Others call their vectors so, too, but do not put them into objects. */
export function claimsEmbedding(value: unknown): boolean {
  if (!isJsonObject(value)) return false
  const { embedding, embeddings } = value
  return Array.isArray(embeddings) ? embeddings.length > 0 && embeddings.every(isVector) : isVector(embedding)
}

function isVector(embedding: unknown): boolean {
  return isJsonObject(embedding) && Array.isArray(embedding.values)
}
