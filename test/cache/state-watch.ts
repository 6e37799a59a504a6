import type { CacheState } from '../../src/verdict-cache/verdict-caches.ts'

/** What a store tells of its connection, to wait for. */
export interface StateWatch {
  readonly report: (state: CacheState, cause?: string) => void
  /** Every change so far, as `lost ECONNREFUSED`. */
  readonly changes: readonly string[]
  /** Resolves as soon as the last change is to this. */
  until(state: CacheState): Promise<void>
}

export function watchState(): StateWatch {
  const changes: string[] = []
  let last: CacheState | undefined
  let waiters: { readonly state: CacheState; readonly resolve: () => void }[] = []
  return {
    report(state, cause) {
      last = state
      changes.push(cause === undefined ? state : `${state} ${cause}`)
      const due = waiters.filter(waiter => waiter.state === state)
      waiters = waiters.filter(waiter => waiter.state !== state)
      for (const { resolve } of due) resolve()
    },
    changes,
    until: state =>
      last === state ? Promise.resolve() : new Promise(resolve => void waiters.push({ state, resolve })),
  }
}
