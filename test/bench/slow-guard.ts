import { setTimeout as delay } from 'node:timers/promises'
import { startLakeraStub } from '../support/lakera-stub.ts'

/** One request to a guard service; times are of `performance.now()`. */
export interface GuardCall {
  readonly arrivedAt: number
  answeredAt: number | undefined
}

export interface SlowGuard {
  /** The whole endpoint URL. */
  readonly url: string
  close(): Promise<void>
}

/** A Lakera that answers clean, each request after so many milliseconds, and adds it to `calls`. */
export async function startSlowGuard(afterMs: number, calls: GuardCall[]): Promise<SlowGuard> {
  const guard = await startLakeraStub()
  guard.failAlways({
    kind: 'gate',
    // Read once for each request.
    get until() {
      const call: GuardCall = { arrivedAt: performance.now(), answeredAt: undefined }
      calls.push(call)
      return delay(afterMs).then(() => {
        call.answeredAt = performance.now()
      })
    },
  })
  return guard
}
