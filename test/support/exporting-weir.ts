import { afterAll, afterEach, beforeAll } from 'vitest'
import { stringify } from 'yaml'
import { chatCompletion, chatRequest } from './chat.ts'
import { type RunningEnvoy, startEnvoy } from './envoy.ts'
import { type Served, serveConfig } from './served.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/**
 * A Weir that exports, behind an Envoy, for each test of the file that calls this. It denies `forbidden-word`; all else
 * is answered `fine`. Whatever receives the export must be closed by an `afterEach` that stands before this call: the
 * last one runs first.
 */
export function exportingWeir() {
  let upstream: Upstream
  let weir: Served | undefined
  let envoy: RunningEnvoy | undefined

  beforeAll(async () => {
    upstream = await startUpstream()
    upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [chatCompletion('fine')] })
  })
  afterAll(() => upstream?.stop())
  afterEach(async () => {
    await envoy?.stop()
    await weir?.stop()
  })

  return {
    /** With this `server.telemetry`. */
    async serve(telemetry: object, env: Record<string, string> = {}): Promise<Served> {
      const guardrails = { words: { kind: 'keywords', words: ['forbidden-word'] } }
      const policies = [{ name: 'chat', guardrails: [{ use: 'words', direction: 'both' }] }]
      weir = await serveConfig(stringify({ server: { telemetry }, guardrails, policies }), env)
      envoy = await startEnvoy({
        mode: 'full-duplex',
        weirAddress: weir.address,
        upstreamAddress: upstream.address,
      })
      return weir
    },

    async ask(text: string): Promise<string> {
      const response = await fetch(`${envoy!.address}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: chatRequest(text),
      })
      return response.text()
    },

    stopEnvoy: async () => envoy?.stop(),
  }
}
