import { type FailureStatus, GRPC_STATUS } from './rpc.ts'

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000001,
}

/** Longer than this and a timer fires at once. */
const MAX_TIMER_MS = 2_147_483_647

/**
 * Holds a call to its `grpc-timeout`. One that cannot be read ends the call as well: the peer meant it to end some
 * time, and nobody knows when.
 */
export function startDeadline(
  header: string | string[] | undefined,
  onPassed: (code: FailureStatus, details: string) => void,
): NodeJS.Timeout | undefined {
  if (header === undefined) return undefined
  const match = /^(\d{1,8})([HMSmun])$/.exec(String(header))
  if (match === null) {
    return setTimeout(() => onPassed(GRPC_STATUS.internal, 'grpc-timeout cannot be read'), 0)
  }
  const ms = Number(match[1]) * (UNIT_MS[match[2]!] ?? 0)
  if (ms > MAX_TIMER_MS) return undefined
  return setTimeout(() => onPassed(GRPC_STATUS.deadlineExceeded, 'deadline exceeded'), ms)
}
