/** What becomes of asking a guard service, for the metrics. Labelled by the guardrail's name; no content, no address. */
export type ServiceEvent =
  | 'retry'
  /** A second request beside a slow one, and one that was refused as these two are before it was sent. */
  | 'hedge'
  | 'hedge-refused'
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
