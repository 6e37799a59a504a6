import type { Rpc } from '../grpc/rpc.ts'
import type { CallDeps, ExchangeTrace } from './call-deps.ts'
import type { ProcessingRequest } from './decode.ts'

/**
 * Where Envoy traces, it names its own span in the metadata of the call; else the trace is the client's, whose headers
 * the request has. A call that begins with the response has none of it.
 */
export function beginTrace(
  { tracing }: Pick<CallDeps, 'tracing'>,
  id: string,
  startedAtMs: number,
  grpc: Pick<Rpc, 'metadata'>,
  { event }: ProcessingRequest,
): ExchangeTrace | undefined {
  if (tracing === undefined) return undefined
  const headers = event?.kind === 'headers' && event.side === 'request' ? event.headers : undefined
  const isEnvoys = grpc.metadata('traceparent') !== undefined
  const read = (name: string) => (isEnvoys ? grpc.metadata(name) : headers?.get(name))
  return tracing.begin({
    id,
    startedAtMs,
    traceparent: read('traceparent'),
    tracestate: read('tracestate'),
  })
}
