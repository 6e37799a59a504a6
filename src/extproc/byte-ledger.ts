/** Above this part of the budget, calls that can wait take nothing more from Envoy. */
const PRESSED_AT = 0.8
/** They go on below this: resumed at the same mark, all would be paused again by the first. */
const RELIEVED_AT = 0.7
/** What has to pass and cannot leave at once may go so far beyond the budget. */
const OVERDRAWN_AT = 1.25
/** Every call may hold so much, whatever the others do: large bodies must not starve small ones. */
export const OWN_SHARE_BYTES = 4096
/** So many calls, each with its share in transit, fill the budget. */
const SHARES_IN_TRANSIT = 64
/** HTTP/2's own window: with less no call gets on. */
const LEAST_IN_TRANSIT_BYTES = 65_535

/** Waits for room. */
interface Waiter {
  relieve(): void
}

/**
 * The bytes that the process keeps for all calls, and what it may keep. Nobody waits for room: a call says what it has
 * come to, and learns whether there was room for it.
 */
export class ByteLedger {
  /** Infinity for no budget. */
  readonly maxBytes: number
  readonly #onChange: (deltaBytes: number) => void
  readonly #waiting = new Set<Waiter>()
  readonly #pressedAt: number
  readonly #relievedAt: number
  readonly #overdrawnAt: number
  #bytes = 0
  #holding = 0

  constructor(maxBytes: number, onChange: (deltaBytes: number) => void = () => {}) {
    this.maxBytes = maxBytes
    this.#onChange = onChange
    this.#pressedAt = maxBytes * PRESSED_AT
    this.#relievedAt = maxBytes * RELIEVED_AT
    this.#overdrawnAt = maxBytes * OVERDRAWN_AT
  }

  /** Of all calls together. */
  get bytes(): number {
    return this.#bytes
  }

  /** Calls that keep any. */
  get holding(): number {
    return this.#holding
  }

  /** Calls that take nothing more until there is room. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Bytes that the process may still take on. Never negative. */
  get roomBytes(): number {
    return Math.max(0, this.maxBytes - this.#bytes)
  }

  /** So much is kept that who can wait should. */
  get isPressed(): boolean {
    return this.#bytes > this.#pressedAt
  }

  /** More is kept than even what must pass may cost. */
  get isOverdrawn(): boolean {
    return this.#bytes > this.#overdrawnAt
  }

  /** Bytes that a call must be let have in transit: its window, which fills whether or not anybody reads. */
  get shareInTransit(): number {
    return Math.max(LEAST_IN_TRANSIT_BYTES, Math.floor(this.maxBytes / SHARES_IN_TRANSIT))
  }

  /** Whether a call that keeps `fromBytes` now could keep `toBytes`. */
  fits(fromBytes: number, toBytes: number): boolean {
    return this.#bytes - fromBytes + toBytes <= this.maxBytes
  }

  /** A call that kept so much keeps so much now. */
  move(fromBytes: number, toBytes: number): void {
    const deltaBytes = toBytes - fromBytes
    this.#bytes += deltaBytes
    if (fromBytes === 0) this.#holding += 1
    if (toBytes === 0) this.#holding -= 1
    this.#onChange(deltaBytes)
    if (this.#waiting.size > 0 && this.#bytes < this.#relievedAt) this.#relieve()
  }

  /** Relieves it once when there is room again; not within a `move`. */
  enlist(waiter: Waiter): void {
    this.#waiting.add(waiter)
  }

  /** It does not wait any more. */
  forget(waiter: Waiter): void {
    this.#waiting.delete(waiter)
  }

  #relieve(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    queueMicrotask(() => {
      for (const waiter of waiting) waiter.relieve()
    })
  }
}
