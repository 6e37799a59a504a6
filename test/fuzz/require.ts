import { isDeepStrictEqual } from 'node:util'
import { WeirError, type WeirErrorCode } from '../../src/errors.ts'

/** What must hold. The driver runs without a test runner, and a hundred thousand times a second. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

export function mustEqual(actual: unknown, wanted: unknown, what: string): void {
  if (!isDeepStrictEqual(actual, wanted)) throw new Error(what)
}

/** What `work` gives, or the error of ours with that code that it threw; whatever else is thrown goes on. */
export function orRefused<T>(code: WeirErrorCode, work: () => T): T | WeirError {
  try {
    return work()
  } catch (error) {
    if (error instanceof WeirError && error.code === code) return error
    throw error
  }
}
