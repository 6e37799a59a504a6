import { afterAll, beforeAll, vi } from 'vitest'
import type { EnvoyMode } from './bootstrap.ts'
import { type EnvoyOptions, type RunningEnvoy, startEnvoy } from './envoy.ts'
import { type RawExchange, type RawRequest, send } from './raw-client.ts'
import { type ScriptedCall, type ScriptedProcessor, startScripted } from './scripted-processor.ts'
import { body, bodyOf, headers, piece, type Side } from './scripted-replies.ts'
import { type Gate, gate, startUpstream, type Upstream } from './upstream.ts'

export interface RigExchange {
  readonly client: RawExchange
  readonly call: ScriptedCall
}

/** A real Envoy whose processor does what the test says, for facts about Envoy itself. */
export interface EnvoyRig {
  readonly envoy: RunningEnvoy
  readonly processor: ScriptedProcessor
  readonly upstream: Upstream
  send(options?: RawRequest): RawExchange
  /** Sends, takes the call that Envoy opens for it and lets the request headers go on. */
  opened(options?: RawRequest): Promise<RigExchange>
  /** As `opened`; lets the request body go on too. */
  asked(options?: RawRequest): Promise<RigExchange>
  /** As `asked`; the response headers have come and wait for their reply. */
  answering(options?: RawRequest): Promise<RigExchange>
  /** As `answering`; the header reply is out, `one ` has come and waits; `two` follows when `rest` is opened. */
  halfway(options?: RawRequest): Promise<RigExchange & { readonly rest: Gate }>
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
  const rig: EnvoyRig = {
    envoy,
    processor,
    upstream,
    send: request => send(envoy.address, request),
    async opened(request) {
      const client = rig.send(request)
      const call = await processor.call()
      await call.next('request_headers')
      call.send(headers('request'))
      return { client, call }
    },
    async asked(request) {
      const exchange = await rig.opened(request)
      const text = await readBody(exchange.call, 'request')
      exchange.call.send(mode === 'full-duplex' ? piece('request', text, 'end') : body('request'))
      return exchange
    },
    async answering(request) {
      const exchange = await rig.asked(request)
      await exchange.call.next('response_headers')
      return exchange
    },
    async halfway(request) {
      const rest = gate()
      upstream.respond({ chunks: ['one ', rest, 'two'] })
      const exchange = await rig.answering(request)
      exchange.call.send(headers('response'))
      const first = bodyOf(await exchange.call.next('response_body'))
      if (first.text !== 'one ') throw new Error(`expected the first chunk, got ${first.text}`)
      return { ...exchange, rest }
    },
    async stop() {
      await envoy.stop()
      await upstream.stop()
      processor.kill()
    },
  }
  return rig
}

/** A rig for all tests of a describe block. */
export function useRig(mode: EnvoyMode, options: Partial<EnvoyOptions> = {}): () => EnvoyRig {
  let rig: EnvoyRig | undefined
  beforeAll(async () => {
    rig = await startRig(mode, options)
  })
  afterAll(() => rig?.stop())
  return () => {
    if (!rig) throw new Error('the rig starts with the tests')
    return rig
  }
}

/** The body messages of a side up to the one that says it is the last. */
export async function readBody(call: ScriptedCall, side: Side): Promise<string> {
  let text = ''
  for (;;) {
    const message = bodyOf(await call.next(`${side}_body`))
    text += message.text
    if (message.end) return text
  }
}

/** STREAMED: lets every further chunk of a response go on as it came. */
export async function echoRest(call: ScriptedCall): Promise<void> {
  for (;;) {
    const { end } = bodyOf(await call.next('response_body'))
    call.send(body('response'))
    if (end) return
  }
}

/** Does `act` and waits until Envoy has counted what comes of it: a reply taken, or the end of a call. */
export async function untilCounted(
  rig: EnvoyRig,
  stat: 'stream_msgs_received' | 'streams_closed',
  act: () => void,
): Promise<void> {
  const read = () => rig.envoy.stats(`http.llm.ext_proc.${stat}`)
  const before = await read()
  act()
  await vi.waitUntil(async () => (await read()) > before, { interval: 5 })
}

/** Waits until Envoy has all that the upstream had to say. */
export async function upstreamIsDone(rig: EnvoyRig): Promise<void> {
  await vi.waitUntil(async () => (await rig.envoy.stats('cluster.llm.upstream_rq_active')) === 0, {
    interval: 5,
  })
}

/** The access log line of the exchange that had this path, waited for. */
export async function accessLog(rig: EnvoyRig, path: string): Promise<Record<string, unknown>> {
  const line = await rig.envoy.logged(new RegExp(`^\\{.*"path":"${path}".*\\}$`, 'm'))
  return JSON.parse(line)
}
