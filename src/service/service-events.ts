/** What becomes of asking a guard service, for the metrics. Labelled by the guardrail's name; no content, no address. */
export type ServiceEvent =
  | 'retry'
  | 'hedge'
  /** A scan was refused at once: too many wait already, or the service asked for a pause that is not over. */
  | 'queue-full'
  | 'paused'
  | 'circuit-closed'
  | 'circuit-half-open'
  | 'circuit-open'
  | 'cache-hit'
  | 'cache-miss'
  | 'cache-error'

/** Takes what happened to a guardrail. Must not throw. */
export type ReportServiceEvent = (guardrail: string, event: ServiceEvent) => void
