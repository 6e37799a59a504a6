import type { RemoteGuardrail } from '../guardrail/guardrail.ts'
import type { Clock } from '../guardrail/run-scan.ts'
import { withAttempts } from './attempts.ts'
import { withBreaker } from './breaker.ts'
import { withBulkhead } from './bulkhead.ts'
import type { HttpClient, PostJson, ServiceAccess } from './http-client.ts'
import { withScrubbedNames } from './scrubbed-names.ts'
import type { ServiceConfig } from './service-config.ts'
import type { ReportServiceEvent, ServiceEvent } from './service-events.ts'

/** What guardrails need from outside: a way to their services, and somebody who listens how that goes. */
export interface GuardrailDeps {
  readonly connect: HttpClient['connect']
  readonly clock: Clock
  readonly random: () => number
  readonly report: ReportServiceEvent
  /** Takes known secrets out of a text. */
  readonly scrub: (text: string) => string
}

/**
 * A guardrail that asks its service with everything between the two that its config wants: from the guardrail outwards
 * retry or hedge, the bulkhead, the connection; around its scans the circuit breaker. What the service names is
 * scrubbed. `create` gets the way to ask.
 */
export function askService(
  name: string,
  config: ServiceConfig,
  { connect, clock, random, report, scrub }: GuardrailDeps,
  create: (postJson: PostJson) => RemoteGuardrail,
): RemoteGuardrail {
  const tell = (event: ServiceEvent): void => report(name, event)
  const bounded = withBulkhead(connect(accessOf(config)), {
    maxConcurrent: config.max_concurrent,
    maxQueued: config.max_queued,
    clock,
    report: tell,
  })
  const { retry, hedge } = config
  const asking = create(withAttempts(bounded, { retry, hedge, clock, random, report: tell }))
  const guardrail = withScrubbedNames(asking, scrub)
  const { failure_ratio, scans, open_ms } = config.circuit_breaker
  return withBreaker(guardrail, { failureRatio: failure_ratio, scans, openMs: open_ms, clock, report: tell })
}

function accessOf(config: ServiceConfig): ServiceAccess {
  return {
    tls: config.ssl_verify ? 'verified' : 'unverified',
    plaintext: config.allow_plaintext ? 'public-too' : 'private-only',
    connectTimeoutMs: config.connect_timeout,
    firstByteTimeoutMs: config.first_byte_timeout,
  }
}
