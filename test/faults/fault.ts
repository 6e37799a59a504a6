import { describe, test } from 'vitest'

/**
 * One row of docs/reliability.md. Its fields are literals: table.ts reads them off the source, so that the page can be
 * made and compared without an Envoy.
 */
export interface FaultRow {
  /** What breaks. The test's name, or its group's. */
  readonly fault: string
  /** What the client sees. */
  readonly client: string
  /** What tells an operator. */
  readonly log: string
  /** What holds all the same. */
  readonly kept: string
}

/** Past this an exchange hangs, which no fault may lead to. Generous: it is no measure of speed. */
const HANGS_AFTER_MS = 30_000

/** A row that one test proves. */
export function fault(row: FaultRow, run: () => Promise<void>, timeout = HANGS_AFTER_MS): void {
  test(row.fault, { timeout }, run)
}

/** A row that several tests prove together. */
export function faultCases(row: FaultRow, define: () => void): void {
  describe(row.fault, { timeout: HANGS_AFTER_MS }, define)
}
