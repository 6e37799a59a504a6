import type { Snapshot } from './config/snapshot.ts'
import type { PolicyPin } from './extproc/call-deps.ts'
import type { PolicySet } from './policy/policy.ts'

export interface PinnedSnapshotsOptions {
  /** Hears how many snapshots are open, whenever that changes: the one in force, and replaced ones. */
  readonly reportOpen: (count: number) => void
  /** Hears why a snapshot could not be closed. */
  readonly reportFailure: (error: unknown) => void
}

/** The snapshots of a server: the one in force, and those before it that exchanges still run on. */
export class PinnedSnapshots {
  readonly #options: PinnedSnapshotsOptions
  #inForce: Held
  #open = 0

  constructor(snapshot: Snapshot, options: PinnedSnapshotsOptions) {
    this.#options = options
    this.#inForce = this.#hold(snapshot)
  }

  get inForce(): Snapshot {
    return this.#inForce.snapshot
  }

  /** What an exchange that begins now runs on to its end. */
  pin(): PolicyPin {
    return this.#inForce.pin()
  }

  /** Puts a snapshot in force. The one before is closed when the last of its exchanges is over. */
  use(snapshot: Snapshot): void {
    const replaced = this.#inForce
    this.#inForce = this.#hold(snapshot)
    replaced.replace()
  }

  #hold(snapshot: Snapshot): Held {
    this.#changeOpen(1)
    return new Held(snapshot, () => this.#close(snapshot))
  }

  #close(snapshot: Snapshot): void {
    this.#changeOpen(-1)
    snapshot.close().catch(this.#options.reportFailure)
  }

  #changeOpen(by: 1 | -1): void {
    this.#open += by
    this.#options.reportOpen(this.#open)
  }
}

/** One snapshot and the count of its exchanges. The pin of each of them is this same object. */
class Held implements PolicyPin {
  readonly snapshot: Snapshot
  readonly #onOver: () => void
  #exchanges = 0
  #state: 'in-force' | 'replaced' = 'in-force'

  constructor(snapshot: Snapshot, onOver: () => void) {
    this.snapshot = snapshot
    this.#onOver = onOver
  }

  get policies(): PolicySet {
    return this.snapshot.policySet
  }

  pin(): PolicyPin {
    this.#exchanges += 1
    return this
  }

  release(): void {
    this.#exchanges -= 1
    this.#lookWhetherOver()
  }

  replace(): void {
    this.#state = 'replaced'
    this.#lookWhetherOver()
  }

  /** Happens once: nobody pins a snapshot that was replaced. */
  #lookWhetherOver(): void {
    if (this.#state === 'replaced' && this.#exchanges === 0) this.#onOver()
  }
}
