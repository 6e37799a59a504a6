import type { Refusal } from './format.ts'
import type { ChunkFacts } from './openai-chunk.ts'

/** What refusals of chat completions and of legacy completions have in common: choices, and chunks that name a stream. */

/** What a client has seen of one choice. */
export interface SeenChoice {
  /** Text of the answer itself, which a refusal must stand apart from. */
  hasText: boolean
  finished: boolean
}

/** What a client has seen of a stream; fresh, it has seen nothing. The decoder bounds the number of choices. */
export class SeenChunks<Choice extends SeenChoice> {
  /** By index; an upstream may skip some. */
  readonly choices = new Map<number, Choice>()
  id: string | undefined
  model: string | undefined
  createdSec: number | undefined
  usageSent = false
  terminated = false
  readonly #fresh: () => Choice

  /** `fresh`: a choice of which nothing was seen. */
  constructor(fresh: () => Choice) {
    this.#fresh = fresh
  }

  choice(index: number): Choice {
    const known = this.choices.get(index)
    if (known !== undefined) return known
    const fresh = this.#fresh()
    this.choices.set(index, fresh)
    return fresh
  }

  keep(facts: ChunkFacts): void {
    this.id ??= facts.id
    this.model ??= facts.model
    this.createdSec ??= facts.createdSec
    this.usageSent ||= facts.hasUsage
  }
}

/** The model was not called, or what it used is unknown here. Clients add the fields up, so all must be there. */
export const NO_USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }

/** What an answer or a chunk begins with: that of the stream which the refusal goes on with, else its own. */
export function headOf(
  refusal: Refusal,
  at: SeenChunks<SeenChoice>,
  api: { readonly idPrefix: string; readonly object: string },
): object {
  return {
    id: at.id ?? `${api.idPrefix}-${refusal.id}`,
    object: api.object,
    created: at.createdSec ?? refusal.createdSec,
    model: at.model ?? refusal.request?.model ?? 'unknown',
  }
}

/** The choices asked for, and any that the upstream sent beyond them. */
export function choicesOf(refusal: Refusal, at: SeenChunks<SeenChoice>): readonly number[] {
  const asked = Array.from({ length: refusal.request?.choices ?? 1 }, (_, index) => index)
  const beyond = [...at.choices.keys()].filter(index => index >= asked.length)
  return [...asked, ...beyond.sort((a, b) => a - b)]
}

const encoder = new TextEncoder()

/**
 * The rest of a stream of which the client has seen `at`: `refuse` gives what each choice that is not at its end gets,
 * and the usage follows where it was asked for. Empty when the terminator is out.
 */
export function refuseChunks<Choice extends SeenChoice>(
  refusal: Refusal,
  at: SeenChunks<Choice>,
  head: object,
  refuse: (index: number, seen: Choice | undefined) => readonly object[],
): Uint8Array {
  if (at.terminated) return new Uint8Array(0)
  const events = choicesOf(refusal, at)
    .filter(index => at.choices.get(index)?.finished !== true)
    .flatMap(index => refuse(index, at.choices.get(index)))
    .map(choice => event({ ...head, choices: [choice] }))
  if (refusal.request?.streamUsage === true && !at.usageSent) {
    events.push(event({ ...head, choices: [], usage: NO_USAGE }))
  }
  return encoder.encode(`${events.join('')}data: [DONE]\n\n`)
}

function event(chunk: object): string {
  return `data: ${JSON.stringify(chunk)}\n\n`
}
