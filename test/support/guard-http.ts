import type { GuardrailDeps } from '../../src/service/ask-service.ts'
import {
  createHttpClient,
  type HttpClientOptions,
  type PostJson,
  type ServiceAccess,
} from '../../src/service/http-client.ts'

/** As the config has it when it says nothing. */
export const DEFAULT_ACCESS: ServiceAccess = {
  tls: 'verified',
  plaintext: 'private-only',
  connectTimeoutMs: 2000,
  firstByteTimeoutMs: undefined,
}

export interface GuardHttp {
  readonly postJson: PostJson
  close(): Promise<void>
}

/** The HTTP client by itself: no retry, no queue, no circuit breaker. */
export function openGuardHttp(
  access: Partial<ServiceAccess> = {},
  options: HttpClientOptions = {},
): GuardHttp {
  const client = createHttpClient(options)
  return { postJson: client.connect({ ...DEFAULT_ACCESS, ...access }), close: () => client.close() }
}

/** What guardrails of a config are built with; `connect` is the test's. */
export function guardrailDeps(connect: GuardrailDeps['connect']): GuardrailDeps {
  return { connect, clock: () => performance.now(), random: () => 0, report: () => {}, scrub: text => text }
}
