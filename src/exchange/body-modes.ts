import { needsRequest, needsResponse } from '../policy/needs.ts'
import type { Policy } from '../policy/policy.ts'
import type { BodyMode } from './events.ts'
import type { ExchangeHost, ExchangeInit } from './host.ts'

/** Why the policy cannot do its work with the body modes that Envoy uses; undefined when it can. */
export function whyBlind(policy: Policy, init: ExchangeInit): string | undefined {
  if (init.observed) return undefined
  const { requestMode, responseMode } = init
  const isBlind =
    (needsRequest(policy) && !canInspect(requestMode)) || (needsResponse(policy) && !canInspect(responseMode))
  const modes = `request ${requestMode}, response ${responseMode}`
  return isBlind ? `policy ${policy.name} needs bodies, and Envoy sends ${modes}` : undefined
}

/** Whether Weir sees a whole body that comes in this mode, and can answer for it. */
function canInspect(mode: BodyMode): boolean {
  return mode === 'full-duplex' || mode === 'streamed' || mode === 'buffered'
}

/**
 * Whether a call may be ended while the response is still to come. Envoy goes on by itself after an OK end, but drops
 * the body chunks that are on their way to us: with a fast upstream there are some wherever Envoy sends a body without
 * waiting for the header reply.
 */
export function mayLeaveEarly({ init, responseSeen }: ExchangeHost): boolean {
  const { responseMode, sendsBodyBeforeHeaderReply, observed } = init
  if (responseSeen || observed) return false
  if (responseMode === 'streamed') return !sendsBodyBeforeHeaderReply
  return responseMode === 'buffered' || responseMode === 'none'
}
