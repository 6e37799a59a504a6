import type { PolicySet } from '../../src/policy/policy.ts'
import type { EnvoyMode } from './bootstrap.ts'
import { CHAT_HEADERS } from './chat.ts'
import { type EnvoyOptions, type RunningEnvoy, startEnvoy } from './envoy.ts'
import { policySet } from './policies.ts'
import { startUpstream, type Upstream } from './upstream.ts'
import { type RunningWeir, startWeir } from './weir.ts'

/** A client's path: Envoy in front, Weir beside it, an LLM behind. */
export interface Stack {
  readonly envoy: RunningEnvoy
  readonly weir: RunningWeir
  readonly upstream: Upstream
  /** Sets the policies of the next exchange, and forgets what earlier ones told. */
  use(policies: PolicySet): void
  /** Posts to the chat completions path through Envoy. */
  chat(body: string | Uint8Array, init?: RequestInit): Promise<Response>
  stop(): Promise<void>
}

export async function startStack(mode: EnvoyMode, options: Partial<EnvoyOptions> = {}): Promise<Stack> {
  const weir = await startWeir(policySet())
  const upstream = await startUpstream({ protocol: options.upstreamProtocol ?? 'http1' })
  const envoy = await startEnvoy({
    mode,
    weirAddress: weir.address,
    upstreamAddress: upstream.address,
    ...options,
  })
  return {
    envoy,
    weir,
    upstream,
    use(policies) {
      weir.telemetry.clear()
      weir.policies = policies
    },
    chat(body, init = {}) {
      const headers = { 'content-type': 'application/json', ...init.headers }
      return fetch(`${envoy.address}${CHAT_HEADERS[':path']}`, { method: 'POST', ...init, headers, body })
    },
    async stop() {
      await envoy.stop()
      await upstream.stop()
      await weir.stop()
    },
  }
}
