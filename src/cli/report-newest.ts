import type { ReportServiceEvent } from '../service/service-events.ts'

/** What the guardrails of one snapshot tell, and how that snapshot becomes the newest. */
export interface SnapshotReport {
  readonly heard: ReportServiceEvent
  adopt(): void
}

/**
 * Joins what the snapshots of a process tell by the names of their guardrails. What was done counts, whoever did it; the
 * state of a circuit only where it is the newest snapshot's, since the circuit of that name in an older one guards none
 * but the last of its exchanges.
 */
export function reportNewest(report: ReportServiceEvent): { next(): SnapshotReport } {
  let newest: SnapshotReport | undefined
  return {
    next() {
      const own: SnapshotReport = {
        heard(guardrail, event) {
          if (own === newest || !event.startsWith('circuit-')) report(guardrail, event)
        },
        adopt() {
          newest = own
        },
      }
      return own
    },
  }
}
