import { needsRequest, needsResponse } from '../policy/needs.ts'
import type { Policy } from '../policy/policy.ts'
import type { BodyMode, Side } from './events.ts'
import type { ExchangeHost, ExchangeInit } from './host.ts'

/** Why the policy cannot do its work with the body modes that Envoy uses; undefined when it can. */
export function whyBlind(policy: Policy, init: ExchangeInit): string | undefined {
  if (init.observed) return undefined
  const { requestMode, responseMode } = init
  const hidden = [
    ...(needsRequest(policy) && !canInspect(requestMode) ? [hiddenBody('request', requestMode)] : []),
    ...(needsResponse(policy) && !canInspect(responseMode) ? [hiddenBody('response', responseMode)] : []),
  ]
  return hidden.length === 0 ? undefined : `policy ${policy.name} needs bodies: ${hidden.join('; ')}`
}

/** Names the key of Envoy's `processing_mode`, and what it may be. */
function hiddenBody(side: Side, mode: BodyMode): string {
  return `Envoy sends that of the ${side} as ${mode}, set processing_mode.${side}_body_mode to FULL_DUPLEX_STREAMED, STREAMED or BUFFERED`
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
