import { expect } from 'vitest'
import { chatRequest } from '../support/chat.ts'
import { type EnvoyOptions, type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { type RawExchange, type RawRequest, send } from '../support/raw-client.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/** A client's path through `weir serve` as a process of its own, which a test can kill, stop and signal. */
export interface ServedStack {
  readonly weir: Served
  readonly envoy: RunningEnvoy
  readonly upstream: Upstream
  /** Posts to the chat completions path. */
  chat(body: string, options?: RawRequest): RawExchange
  /** A counter or gauge of the admin listener, with all labels that the line names; 0 where there is no such line. */
  metric(line: string): Promise<number>
  stop(): Promise<void>
}

export interface ServedOptions extends Partial<EnvoyOptions> {
  readonly env?: Record<string, string>
}

export async function startServed(
  config: string,
  { env, ...options }: ServedOptions = {},
): Promise<ServedStack> {
  const [weir, upstream] = await Promise.all([
    serveConfig(config, env),
    startUpstream({ protocol: options.upstreamProtocol ?? 'http1' }),
  ])
  const addresses = { weirAddress: weir.address, upstreamAddress: upstream.address }
  const envoy = await startEnvoy({ mode: 'full-duplex', ...addresses, ...options })
  return {
    weir,
    envoy,
    upstream,
    chat: (body, rest) => chat(envoy, body, rest),
    async metric(line) {
      const found = (await weir.page('/metrics')).split('\n').find(one => one.startsWith(`${line} `))
      return found === undefined ? 0 : Number(found.slice(line.length + 1))
    },
    async stop() {
      await envoy.stop()
      // One that is stopped takes no SIGTERM, and one that drains waits for clients that may have gone.
      weir.signal('SIGKILL')
      await weir.stop()
      // Last: it rejects when its handler threw.
      await upstream.stop()
    },
  }
}

/** One exchange of a client that looks at bytes. */
export function chat(envoy: RunningEnvoy, body: string, options: RawRequest = {}): RawExchange {
  const headers = { 'content-type': 'application/json', ...options.headers }
  return send(envoy.address, { path: '/v1/chat/completions', ...options, headers, body })
}

export const asksForStream = chatRequest('hello', { stream: true })
export const asksForJson = chatRequest('hello')

/** What came of an exchange for its client. */
export interface Seen {
  /** 0 for none. */
  readonly status: number
  /** Without heartbeats. */
  readonly text: string
  readonly ended: 'complete' | 'cut'
}

export async function answerOf(client: RawExchange): Promise<Seen> {
  const status = await client.head.then(
    head => head.status,
    () => 0,
  )
  const ended = await client.ended
  return { status, text: client.text.replaceAll(/^:\n\n/gm, ''), ended }
}

/** What Envoy answers for a Weir that cannot be asked: the first local reply of our Envoy configs. */
export const UNCHECKED: Seen = {
  status: 503,
  text: expect.stringContaining('"code":"guardrail_unavailable"'),
  ended: 'complete',
}
