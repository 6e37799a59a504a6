import { canIntervene } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import { BodyDelivery } from './deliver-body.ts'
import { LiveDelivery } from './deliver-live.ts'
import { StreamDelivery } from './deliver-stream.ts'
import type { Delivery } from './delivery.ts'
import { Downstream, type GuardedResponse } from './downstream.ts'
import type { ModeOverride } from './events.ts'
import { heldBody } from './header-mutations.ts'
import type { ExchangeHost } from './host.ts'
import type { Outlet } from './outlet.ts'
import type { PinnedGuard } from './pinned.ts'
import { isLive, type ReadAs, type ResponseHead } from './response-opening.ts'

/** Opens the way by which a response reaches the client, once its format and its shape are known. */
export function openDelivery(
  host: ExchangeHost,
  outlet: Outlet,
  pinned: PinnedGuard,
  head: ResponseHead,
  { format, shape, charset }: ReadAs,
): Delivery {
  const { clientStreams, request, conversation, restorer } = pinned
  const policy = withOwnDelivery(pinned.policy)
  const guarded: GuardedResponse = {
    policy,
    format,
    request,
    conversation,
    restorer,
    clientStreams,
    contentType: head.contentType,
    contentEncoding: head.isDecoded ? undefined : head.contentEncoding,
    wasDecoded: head.isDecoded,
    shape,
  }
  if (isLive(pinned, host.init)) {
    const downstream = new Downstream(host, outlet, guarded, 'live')
    downstream.releaseHeaders()
    return new LiveDelivery(host, downstream, guarded, charset)
  }
  if (charset === 'unreadable') {
    const downstream = new Downstream(host, outlet, guarded, 'body')
    return new BodyDelivery(host, downstream, guarded, undefined)
  }
  if (shape === 'event-stream') return openStream(host, outlet, guarded)
  return openBody(host, outlet, guarded, head)
}

function openStream(host: ExchangeHost, outlet: Outlet, guarded: GuardedResponse): Delivery {
  const { stream } = guarded.policy
  const downstream = new Downstream(host, outlet, guarded, stream.delivery)
  if (!outlet.canWithholdHeaders || stream.headers === 'at_once') {
    downstream.releaseHeaders(heldBody(guarded.policy))
  }
  const delivery = new StreamDelivery(host, downstream, guarded)
  const canBeat = guarded.format.heartbeat !== undefined && host.init.responseMode !== 'buffered'
  if (canBeat) host.emit({ kind: 'start-heartbeats', everyMs: stream.heartbeatMs })
  return delivery
}

function openBody(
  host: ExchangeHost,
  outlet: Outlet,
  guarded: GuardedResponse,
  { contentLength }: ResponseHead,
): Delivery {
  const { requestMode, responseMode } = host.init
  const downstream = new Downstream(host, outlet, guarded, 'body')
  if (responseMode === 'streamed') {
    const override: ModeOverride = { requestBody: requestMode, responseBody: 'buffered' }
    downstream.releaseHeaders(heldBody(guarded.policy), override)
  } else if (responseMode === 'buffered') downstream.releaseHeaders()
  // In STREAMED the last place for bytes is the last chunk, and trailers may follow it unannounced.
  const length = responseMode === 'streamed' ? contentLength : undefined
  return new BodyDelivery(host, downstream, guarded, length === undefined ? undefined : Number(length))
}

/** Where nothing can be denied there is nothing to withhold for: placeholders are restored as they come. */
function withOwnDelivery(policy: Policy): Policy {
  if (canIntervene(policy.outputRules) || policy.stream.delivery === 'window') return policy
  return { ...policy, stream: { ...policy.stream, delivery: 'window' } }
}
