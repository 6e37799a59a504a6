import type { ExchangeInit } from '../exchange/host.ts'
import type { Rpc } from '../grpc/rpc.ts'
import type { PolicySet } from '../policy/policy.ts'
import type { CallDeps } from './call-deps.ts'
import type { ProcessingRequest } from './decode.ts'

/** What is fixed of an exchange by the first message of its call. */
export function exchangeInit(
  id: string,
  { protocol, observabilityMode }: ProcessingRequest,
  grpc: Rpc,
  policies: PolicySet,
  deps: CallDeps,
): ExchangeInit {
  return {
    stamp: { id, startedAtSec: deps.unixSeconds() },
    policies,
    codings: deps.codings,
    roomBytes: () => deps.ledger.roomBytes,
    policyName: grpc.metadata('x-weir-policy'),
    // Envoy before 1.33 does not say. One answer per message is what all of its modes take.
    requestMode: protocol?.requestBodyMode ?? 'streamed',
    responseMode: protocol?.responseBodyMode ?? 'streamed',
    sendsBodyBeforeHeaderReply: protocol?.sendsBodyBeforeHeaderReply ?? false,
    observed: observabilityMode,
  }
}
