import type { Reply } from '../exchange/events.ts'

interface Rings {
  heartbeatDue(): void
  windowDue(): void
  deadline(): void
}

/** The timers of one call. Heartbeats look at when bytes last went to the client, and are re-armed only when due. */
export class Alarms {
  readonly #clock: () => number
  readonly #ring: Rings
  #heartbeat: NodeJS.Timeout | undefined
  #window: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout | undefined
  #everyMs = 0
  #lastByteAt = 0

  constructor(clock: () => number, ring: Rings) {
    this.#clock = clock
    this.#ring = ring
  }

  startHeartbeats(everyMs: number): void {
    this.#everyMs = everyMs
    this.#lastByteAt = this.#clock()
    this.#arm(everyMs)
  }

  stopHeartbeats(): void {
    clearTimeout(this.#heartbeat)
    this.#everyMs = 0
  }

  /** Takes the place of the one set before. */
  startDeadline(afterMs: number): void {
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#ring.deadline(), Math.min(afterMs, LONGEST_TIMER_MS))
  }

  startWindow(afterMs: number): void {
    clearTimeout(this.#window)
    this.#window = setTimeout(() => this.#ring.windowDue(), Math.min(afterMs, LONGEST_TIMER_MS))
  }

  /** A reply went to Envoy: if it has bytes for the client, the next heartbeat can wait. */
  sent(reply: Reply): void {
    if (this.#everyMs > 0 && hasClientBytes(reply)) this.#lastByteAt = this.#clock()
  }

  stop(): void {
    this.stopHeartbeats()
    clearTimeout(this.#window)
    clearTimeout(this.#deadline)
  }

  #arm(afterMs: number): void {
    this.#heartbeat = setTimeout(() => this.#look(), afterMs)
  }

  #look(): void {
    const silentMs = this.#clock() - this.#lastByteAt
    // Timers may ring a little early.
    if (silentMs >= this.#everyMs - 1) {
      this.#lastByteAt = this.#clock()
      this.#ring.heartbeatDue()
      if (this.#everyMs > 0) this.#arm(this.#everyMs)
    } else {
      this.#arm(this.#everyMs - silentMs)
    }
  }
}

/** setTimeout takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

function hasClientBytes(reply: Reply): boolean {
  if (reply.kind === 'streamed-body') return reply.side === 'response' && reply.body.byteLength > 0
  if (reply.kind === 'body') return reply.side === 'response' && reply.replace?.byteLength !== 0
  return false
}
