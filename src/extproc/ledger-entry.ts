import { type ByteLedger, OWN_SHARE_BYTES } from './byte-ledger.ts'

/** A call that may be told to go on. */
interface Yielding {
  onRelief(): void
}

/** What one call keeps, as an absolute number, so that nothing can leak: its last is 0. */
export class LedgerEntry {
  readonly #ledger: ByteLedger
  readonly #call: Yielding
  #bytes = 0
  #heldBytes = 0
  #state: 'flowing' | 'waiting' = 'flowing'

  constructor(ledger: ByteLedger, call: Yielding) {
    this.#ledger = ledger
    this.#call = call
  }

  /** The call should take nothing more from Envoy for now. */
  get waits(): boolean {
    return this.#state === 'waiting'
  }

  /** The call has more in transit than it must be let have, and all together more than what must pass may cost. */
  get isOverdrawn(): boolean {
    return this.#ledger.isOverdrawn && this.#heldBytes > this.#ledger.shareInTransit
  }

  /** Whether there is room for it to hold so much, beside what is on its way out. */
  fits(heldBytes: number, leavingBytes: number): boolean {
    return heldBytes <= OWN_SHARE_BYTES || this.#ledger.fits(this.#bytes, heldBytes + leavingBytes)
  }

  /**
   * The call keeps so much now; what is on its way out is counted and never refused. `refused`: the rest is more than
   * before, and there is no room for it.
   */
  set(heldBytes: number, leavingBytes: number): 'fits' | 'refused' {
    const bytes = heldBytes + leavingBytes
    const isRefused = heldBytes > this.#heldBytes && !this.fits(heldBytes, leavingBytes)
    this.#heldBytes = heldBytes
    if (bytes !== this.#bytes) {
      const before = this.#bytes
      this.#bytes = bytes
      this.#ledger.move(before, bytes)
    }
    return isRefused ? 'refused' : 'fits'
  }

  /**
   * Whether the call waits, after it has changed. `canWait`: its verdict is on its way whatever Envoy sends. Only such
   * calls ever wait, and so none waits for another: each verdict has its deadline.
   */
  yield(canWait: boolean): void {
    const waits = canWait && (this.waits || this.#ledger.isPressed)
    if (waits === this.waits) return
    this.#state = waits ? 'waiting' : 'flowing'
    if (waits) this.#ledger.enlist(this)
    else this.#ledger.forget(this)
  }

  relieve(): void {
    if (!this.waits) return
    this.#state = 'flowing'
    this.#call.onRelief()
  }
}
