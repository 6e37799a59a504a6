import type { EnvoyMode } from './bootstrap.ts'
import { type EnvoyOptions, type RunningEnvoy, startEnvoy } from './envoy.ts'
import { type RawExchange, type RawRequest, send } from './raw-client.ts'
import { type ScriptedCall, type ScriptedProcessor, startScripted } from './scripted-processor.ts'
import { headers } from './scripted-replies.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** A real Envoy whose processor does what the test says, for facts about Envoy itself. */
export interface EnvoyRig {
  readonly envoy: RunningEnvoy
  readonly processor: ScriptedProcessor
  readonly upstream: Upstream
  send(options?: RawRequest): RawExchange
  /** Sends, takes the call that Envoy opens for it and answers the request headers with "go on". */
  opened(options?: RawRequest): Promise<{ client: RawExchange; call: ScriptedCall }>
  stop(): Promise<void>
}

export async function startRig(mode: EnvoyMode, options: Partial<EnvoyOptions> = {}): Promise<EnvoyRig> {
  const processor = await startScripted()
  const upstream = await startUpstream({ protocol: options.upstreamProtocol ?? 'http1' })
  const envoy = await startEnvoy({
    mode,
    weirAddress: processor.address,
    upstreamAddress: upstream.address,
    ...options,
  })
  const sendTo = (request?: RawRequest): RawExchange => send(envoy.address, request)
  return {
    envoy,
    processor,
    upstream,
    send: sendTo,
    async opened(request) {
      const client = sendTo(request)
      const call = await processor.call()
      await call.next('request_headers')
      call.send(headers('request'))
      return { client, call }
    },
    async stop() {
      await envoy.stop()
      await upstream.stop()
      processor.kill()
    },
  }
}
