import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, vi } from 'vitest'
import { STREAM_WINDOW_BYTES } from '../../src/grpc/http2-settings.ts'
import { chatEvents } from '../support/chat.ts'
import { STREAM_TYPE, text } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { asksForStream, type ServedStack, startServed } from './served-stack.ts'

const MB = 1024 * 1024
const WORDS = 'word '.repeat(12_800)
const EVENT = text(WORDS)
const EVENTS = Math.ceil((200 * MB) / EVENT.length)
const MAX_HELD_BYTES = MB
/** So that what grows is what is held, and not what nobody has collected yet. */
const SMALL_HEAP = '--max-semi-space-size=4 --max-old-space-size=128'

/** A guard service that finds nothing, and takes its time for the first request. */
interface SlowGuard {
  readonly url: string
  readonly judgedBytes: number
  readonly asked: Promise<void>
  close(): void
}

async function startSlowGuard(answers: Promise<void>): Promise<SlowGuard> {
  let judgedBytes = 0
  const asked = Promise.withResolvers<void>()
  const server = http.createServer((request, response) => {
    request.on('data', (chunk: Buffer) => {
      judgedBytes += chunk.length
    })
    request.on('end', async () => {
      asked.resolve()
      await answers
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"flagged":false}')
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    get judgedBytes() {
      return judgedBytes
    },
    asked: asked.promise,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

let guard: SlowGuard
let stack: ServedStack
afterEach(async () => {
  await stack.stop()
  guard.close()
})

/**
 * What HTTP/2 lets through before a pause holds is scanned at once: five megabytes must fit into the twenty requests that a
 * scan may take.
 */
const config = (): string => `
guardrails: { guard: { kind: webhook, dialect: generic, max_chars: 1000000, url: "${guard.url}", timeout: 60000 } }
policies:
  - name: all
    guardrails: [{ use: guard, direction: output }]
    limits: { max_response_bytes: 400000000 }
    stream:
      delivery: window
      headers: at_once
      heartbeat_ms: 600000
      max_held_bytes: ${MAX_HELD_BYTES}
      window: { first_chars: 1000000, max_chars: 1000000, context_chars: 0, max_held_ms: 600000 }
`

/** Answers with 200 MB; what was sent is known by its length and its hash. */
function answerLargely(): { readonly bytes: number; digest(): string } {
  const hash = createHash('sha256')
  const sent = { bytes: 0, digest: () => hash.digest('hex') }
  const [role, , ...end] = chatEvents('')
  stack.upstream.respond(async (_request, reply) => {
    reply.head(200, STREAM_TYPE)
    for (const event of [role!, ...Array<string>(EVENTS).fill(EVENT), ...end]) {
      await reply.send(event)
      hash.update(event)
      sent.bytes += event.length
    }
    reply.end()
  })
  return sent
}

fault(
  {
    fault: 'an answer of 200 MB meets a slow guard service',
    client: 'the whole answer, as fast as it is judged',
    log: '`weir_held_bytes` stays under `stream.max_held_bytes` and what HTTP/2 has on its way to Weir (4 MB); memory does not grow with the answer',
    kept: 'every byte, and every byte is judged; the LLM is made to wait instead of filling memory',
  },
  async () => {
    const answers = gate()
    guard = await startSlowGuard(answers.opened)
    stack = await startServed(config(), { env: { NODE_OPTIONS: SMALL_HEAP } })
    const sent = answerLargely()
    const memory = () => stack.metric('process_resident_memory_bytes')
    const before = await memory()
    const response = await fetch(`${stack.envoy.address}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: asksForStream,
    })
    await guard.asked
    const paused = () => stack.envoy.stats('cluster.llm.upstream_flow_control_paused_reading_total')
    await vi.waitUntil(async () => (await paused()) > 0, { interval: 10, timeout: 20_000 })
    // What one read brings on top is small; what a window of HTTP/2 lets through before a pause holds is not.
    expect(await stack.metric('weir_held_bytes')).toBeLessThan(2 * MAX_HELD_BYTES + STREAM_WINDOW_BYTES)
    expect(sent.bytes).toBeLessThan(100 * MB)
    expect((await memory()) - before).toBeLessThan(100 * MB)
    answers.open()

    const got = createHash('sha256')
    let gotBytes = 0
    /** After the first quarter: until then the heap grows to what it needs. */
    let early: number | undefined
    for await (const chunk of response.body ?? []) {
      got.update(chunk)
      gotBytes += chunk.length
      if (gotBytes > 50 * MB) early ??= await memory()
    }
    expect((await memory()) - (early ?? 0)).toBeLessThan(50 * MB)
    expect(got.digest('hex')).toBe(sent.digest())
    expect(guard.judgedBytes).toBeGreaterThan(EVENTS * WORDS.length)
  },
  // 200 MB take their time where others have the cores as well.
  120_000,
)
