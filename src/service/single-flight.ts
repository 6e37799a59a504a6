/**
 * Lets those who ask the same thing at the same time share one answer. Only an answer is shared, never a failure: when
 * the leader fails, or gives up, its followers ask for themselves. Holds one entry a question under way, so its size
 * is bounded by that of the asking.
 */
export class SingleFlight<T> {
  readonly #leaders = new Map<string, Promise<Shared<T>>>()

  /**
   * `ask` is this caller's own question, with its own signal; `isShareable` says of the answer whether others may have
   * it. A follower whose `signal` aborts asks at once too: what a caller sees of its abort is up to `ask`.
   */
  async run(
    key: string,
    signal: AbortSignal,
    ask: () => Promise<T>,
    isShareable: (answer: T) => boolean,
  ): Promise<T> {
    const leader = this.#leaders.get(key)
    if (leader === undefined) return this.#lead(key, ask, isShareable)
    const shared = await untilAborted(leader, signal)
    return shared?.kind === 'answer' ? shared.answer : ask()
  }

  async #lead(key: string, ask: () => Promise<T>, isShareable: (answer: T) => boolean): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<Shared<T>>()
    this.#leaders.set(key, promise)
    let shared: Shared<T> = { kind: 'nothing' }
    try {
      const answer = await ask()
      if (isShareable(answer)) shared = { kind: 'answer', answer }
      return answer
    } finally {
      this.#leaders.delete(key)
      resolve(shared)
    }
  }
}

type Shared<T> = { readonly kind: 'answer'; readonly answer: T } | { readonly kind: 'nothing' }

/** What the promise resolves with, or undefined as soon as the signal aborts. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>()
  const onAbort = () => resolve(undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
