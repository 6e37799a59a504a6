import { WeirError } from '../errors.ts'
import type { StreamPosition } from './format.ts'

/** @throws WeirError `bug` for a position that another format opened */
export function assertOwnPosition<P extends StreamPosition>(
  at: StreamPosition,
  kind: abstract new (...of: never) => P,
): asserts at is P {
  if (!(at instanceof kind)) throw new WeirError('bug', 'a stream position of another format')
}
