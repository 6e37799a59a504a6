import type { ChildProcess } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { findProgram, freePort, isRunning, killProgram, startProgram } from './program.ts'

/** What scripts/fetch-toxiproxy.sh leaves where none is installed. */
const FETCHED = fileURLToPath(new URL('../../.venv/go/toxiproxy-server', import.meta.url))
const READY_WITHIN_MS = 15_000
const POLL_MS = 20

/** What is done to the bytes that go one way. Milliseconds and bytes. */
export type Toxic =
  /** Each piece comes that much later. */
  | { readonly type: 'latency'; readonly latency: number; readonly jitter?: number }
  /** Nothing goes through; after `timeout` the connection is closed, with 0 never. */
  | { readonly type: 'timeout'; readonly timeout: number }
  /** The connection is reset (RST) `timeout` after the first piece. */
  | { readonly type: 'reset_peer'; readonly timeout: number }
  /** The connection is closed (FIN) after so many bytes. */
  | { readonly type: 'limit_data'; readonly bytes: number }
  /** KB a second. */
  | { readonly type: 'bandwidth'; readonly rate: number }
  | { readonly type: 'slow_close'; readonly delay: number }
  | {
      readonly type: 'slicer'
      readonly average_size: number
      readonly size_variation: number
      /** Microseconds. */
      readonly delay: number
    }

/** `upstream`: what the client sends; `downstream`: what it gets. */
export type ToxicDirection = 'upstream' | 'downstream'

export interface ToxicProxy {
  /** `127.0.0.1:port`, which leads to the upstream. */
  readonly address: string
  readonly port: number
  /** Also for connections that are open already. Resolves with the toxic's name once it is in effect. */
  add(direction: ToxicDirection, toxic: Toxic): Promise<string>
  /** Connections go on without it. */
  remove(name: string): Promise<void>
  /** Refuses connections, and closes those there are. */
  takeDown(): Promise<void>
  /** Takes connections again, at the same address. */
  bringUp(): Promise<void>
}

export interface Toxiproxy {
  /** A way to `upstream` (`host:port`) that can be poisoned. */
  open(upstream: string): Promise<ToxicProxy>
  stop(): Promise<void>
}

const proxyAnswer = z.looseObject({ name: z.string(), listen: z.string() })
const toxicAnswer = z.looseObject({ name: z.string() })

/** A real toxiproxy-server, its API and its proxies on 127.0.0.1. */
export async function startToxiproxy(): Promise<Toxiproxy> {
  const file = findProgram(['toxiproxy-server'], FETCHED)
  const port = await freePort()
  const child = startProgram(file, ['-host', '127.0.0.1', '-port', String(port)], { stdio: 'ignore' })
  const call = caller(`http://127.0.0.1:${port}`)
  await waitUntilReady(child, call)
  let count = 0
  return {
    async open(upstream) {
      count += 1
      const body = { name: `proxy-${count}`, listen: '127.0.0.1:0', upstream, enabled: true }
      return proxy(call, proxyAnswer.parse(await call('POST', '/proxies', body)))
    },
    stop: () => killProgram(child),
  }
}

type Call = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<unknown>

function caller(origin: string): Call {
  return async (method, path, body) => {
    const json = body === undefined ? undefined : JSON.stringify(body)
    const response = await fetch(`${origin}${path}`, { method, body: json })
    const text = await response.text()
    if (!response.ok) throw new Error(`toxiproxy answered ${response.status} to ${method} ${path}: ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}

async function waitUntilReady(child: ChildProcess, call: Call): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS
  for (;;) {
    const isUp = await call('GET', '/proxies').then(
      () => true,
      () => false,
    )
    if (isUp) return
    if (!isRunning(child) || performance.now() > deadline) {
      await killProgram(child)
      throw new Error('toxiproxy-server did not start')
    }
    await delay(POLL_MS)
  }
}

function proxy(call: Call, { name, listen }: z.infer<typeof proxyAnswer>): ToxicProxy {
  const path = `/proxies/${name}`
  return {
    address: listen,
    port: Number(listen.slice(listen.lastIndexOf(':') + 1)),
    async add(direction, { type, ...attributes }) {
      const answer = await call('POST', `${path}/toxics`, { type, stream: direction, attributes })
      return toxicAnswer.parse(answer).name
    },
    async remove(toxic) {
      await call('DELETE', `${path}/toxics/${toxic}`)
    },
    async takeDown() {
      await call('POST', path, { enabled: false })
    },
    async bringUp() {
      // With the address: the one that was asked for was any free port, which would be another one now.
      await call('POST', path, { listen, enabled: true })
    },
  }
}
