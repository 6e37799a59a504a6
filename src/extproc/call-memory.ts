import type { ByteLedger } from './byte-ledger.ts'
import { LedgerEntry } from './ledger-entry.ts'

/** What a call tells of its bytes, and what it can do about them. */
export interface MemoryHost {
  readonly heldBytes: number
  /** On their way out: counted, and never refused. */
  readonly leavingBytes: number
  /** Something of the exchange is known, so that its rules can be asked. */
  readonly hasBegun: boolean
  /** Its verdicts are on their way whatever Envoy sends. */
  readonly canWait: boolean
  /** Has the exchange let go of something, if it can, by what its rules say. */
  letGo(): void
  /** Nothing more can be let go: the call must end. */
  giveUp(): void
  /** `waits` has changed. */
  regulate(): void
  /** The same, from outside of the call's own doings. */
  relieved(): void
}

/** One call's part in the byte budget of the process. */
export class CallMemory {
  readonly #ledger: ByteLedger
  readonly #entry: LedgerEntry
  readonly #host: MemoryHost
  readonly #onShort: () => void
  #wasShort = false
  #isOver = false

  /** `onShort` is called once, when there is no room for the first time. */
  constructor(ledger: ByteLedger, host: MemoryHost, onShort: () => void) {
    this.#ledger = ledger
    this.#host = host
    this.#onShort = onShort
    this.#entry = new LedgerEntry(ledger, { onRelief: () => host.relieved() })
  }

  /** The call should take nothing more from Envoy for now. */
  get waits(): boolean {
    return this.#entry.waits
  }

  /** Whether that much is certain to fit, without a closer look. */
  hasRoomFor(moreBytes: number): boolean {
    return moreBytes <= this.#ledger.roomBytes
  }

  /** Makes room for a chunk that would be kept for long, before it is taken: afterwards it may have been sent on. */
  admit(moreBytes: number): void {
    if (!this.#fits(moreBytes)) this.#makeRoom(moreBytes)
  }

  /** Brings the ledger up to date. The exchange judges growth that finds no room there. */
  settle(): void {
    const { heldBytes, leavingBytes } = this.#host
    if (this.#entry.set(heldBytes, leavingBytes) === 'refused') this.#makeRoom(0)
    if (this.#entry.waits || this.#ledger.isPressed) this.#yield()
  }

  /** The call has ended: what it still keeps is for work that outlives it, and nobody is refused for it. */
  ended(): void {
    this.#isOver = true
    this.settle()
  }

  #fits(moreBytes: number): boolean {
    const { heldBytes, leavingBytes } = this.#host
    return this.#entry.fits(heldBytes + moreBytes, leavingBytes)
  }

  #yield(): void {
    const { waits } = this.#entry
    this.#entry.yield(!this.#isOver && this.#host.canWait)
    if (waits !== this.#entry.waits) this.#host.regulate()
  }

  /**
   * Until so much more fits the exchange gives up one thing after the other, and what is left must pass. That may cost
   * some more than the budget; past this the call ends, whatever its rules forgive.
   */
  #makeRoom(moreBytes: number): void {
    if (this.#isOver) return
    if (!this.#wasShort) this.#onShort()
    this.#wasShort = true
    for (let before = Number.POSITIVE_INFINITY; !this.#fits(moreBytes) && this.#host.heldBytes < before; ) {
      before = this.#host.heldBytes
      this.#host.letGo()
      if (this.#isOver) return
    }
    const isTooMuch = this.#entry.isOverdrawn && !this.#fits(moreBytes)
    if (isTooMuch || !this.#host.hasBegun) this.#host.giveUp()
  }
}
