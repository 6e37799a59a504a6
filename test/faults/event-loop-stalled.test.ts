import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, vi } from 'vitest'
import { type Bootstrap, ENVOY_MODES, type EnvoyMode, extProcOf } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { type Gate, gate } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { answerOf, asksForStream, type ServedStack, startServed, UNCHECKED } from './served-stack.ts'

const PRELOAD = fileURLToPath(new URL('../support/stall-on-signal.ts', import.meta.url))
/** Long enough for some heartbeats to be due. */
const STALL_MS = 500
const RUNNING = 10

const CONFIG = `
server: { log: { level: debug } }
guardrails: { words: { kind: keywords, words: [secret] } }
policies:
  - name: all
    guardrails: [{ use: words, direction: both }]
    stream: { delivery: window, headers: at_once, heartbeat_ms: 100 }
`

let stack: ServedStack
/** A stall lasts until `endStall`. */
let folder: string
let stalls: Record<string, string>
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-stall-'))
  const file = join(folder, 'stall')
  writeFileSync(file, '')
  stalls = { NODE_OPTIONS: `--import ${PRELOAD}`, STALL_WHILE: file }
})
afterEach(async () => {
  endStall()
  await stack.stop()
})

function endStall(): void {
  rmSync(folder, { recursive: true, force: true })
}

/** Streams of which each client has the beginning; `rest` lets the LLM say the rest of all of them. */
async function startStreams(
  mode: EnvoyMode,
  env: Record<string, string>,
): Promise<{ running: ReturnType<ServedStack['chat']>[]; whole: string; beginning: string; rest: Gate }> {
  stack = await startServed(CONFIG, { mode, env })
  const rest = gate()
  const [role, first, ...others] = chatEvents('an ', 'answer ', 'of many words')
  stack.upstream.respond({ headers: STREAM_TYPE, chunks: [role!, first!, rest, ...others] })
  const running = Array.from({ length: RUNNING }, () => stack.chat(asksForStream))
  await vi.waitUntil(() => running.every(({ text }) => text.includes(first!)), { timeout: 20_000 })
  return { running, rest, beginning: role! + first!, whole: [role, first, ...others].join('') }
}

const exchangesActive = (): Promise<number> => stack.envoy.stats('http.llm.downstream_rq_active')

describe.each(['full-duplex', 'streamed'] as const)('in %s', mode => {
  fault(
    {
      fault: 'the event loop of Weir stalls for less than `message_timeout` (10 s in our configs)',
      client: 'running and new exchanges wait, and go on as if nothing had been; heartbeats are late',
      log: 'the decisions, later; no `fault`',
      kept: 'every byte; nothing passes meanwhile; what is to be denied is denied; timers ring right after it',
    },
    async () => {
      const { running, rest, whole } = await startStreams(mode, stalls)
      stack.weir.signal('SIGUSR2')
      await stack.weir.logged('stalled')
      const texts = running.map(({ text }) => text)
      rest.open()
      const denied = stack.chat(chatRequest('a secret', { stream: true }))
      await vi.waitUntil(async () => (await exchangesActive()) === RUNNING + 1)
      // Weir still stands: whatever came meanwhile came without it.
      expect(stack.weir.lines.some(({ msg }) => msg === 'stall over')).toBe(false)
      expect(running.map(({ text }) => text)).toEqual(texts)
      expect([denied.text, stack.upstream.requests.length]).toEqual(['', RUNNING])
      endStall()
      await stack.weir.logged('stall over')
      for (const client of running) {
        expect(await answerOf(client)).toEqual({ status: 200, text: whole, ended: 'complete' })
      }
      expect((await answerOf(denied)).text).toContain('Request blocked by policy')
      expect(stack.upstream.requests).toHaveLength(RUNNING)
      expect(await stack.metric('weir_exchanges_total{end="failed"}')).toBe(0)
      expect(stack.weir.lines.filter(({ msg }) => msg === 'fault')).toEqual([])
    },
  )
})

fault(
  {
    fault: 'the event loop of Weir stalls while streams are silent',
    client: 'heartbeats again right after it, then the rest of the answer',
    log: 'nothing beside the decisions',
    kept: 'timers that were due ring once and go on',
  },
  async () => {
    const { running, rest, whole } = await startStreams('full-duplex', {
      ...stalls,
      STALL_MS: String(STALL_MS),
    })
    endStall()
    stack.weir.signal('SIGUSR2')
    await stack.weir.logged('stall over')
    const beats = (text: string): number => text.split(':\n\n').length
    const before = running.map(({ text }) => beats(text))
    const beatAgain = ({ text }: { readonly text: string }, index: number) =>
      beats(text) >= before[index]! + 3
    await vi.waitUntil(() => running.every(beatAgain), { interval: 5, timeout: 10_000 })
    rest.open()
    for (const client of running) {
      expect(await answerOf(client)).toEqual({ status: 200, text: whole, ended: 'complete' })
    }
  },
)

describe.each(ENVOY_MODES.filter(mode => mode !== 'full-duplex'))('in %s', mode => {
  fault(
    {
      fault: 'the event loop of Weir stalls for longer than `message_timeout` (STREAMED, BUFFERED)',
      client: '504 with an API error; answers again afterwards',
      log: "`ext_proc_error…` in Envoy's access log; Weir's `decision` with `discarded`",
      kept: 'nothing that was not judged comes out, also once Weir goes on',
    },
    async () => {
      stack = await startServed(CONFIG, { mode, env: stalls, overrides: noticesSoon })
      const rest = gate()
      stack.upstream.respond(async (request, reply) => {
        await request.complete
        await rest.opened
        reply.head(200, { 'content-type': 'application/json' })
        await reply.send(chatCompletion('an answer')).catch(() => {})
        reply.end()
      })
      const running = stack.chat(chatRequest('hello'))
      await vi.waitUntil(() => stack.upstream.requests.length === 1)
      await stack.upstream.requests[0]!.complete
      stack.weir.signal('SIGUSR2')
      await stack.weir.logged('stalled')
      rest.open()
      const late = stack.chat(chatRequest('hello'))
      const timedOut = { ...UNCHECKED, status: 504 }
      expect([await answerOf(late), await answerOf(running)]).toEqual([timedOut, timedOut])
      expect(stack.upstream.requests).toHaveLength(1)
      await stack.envoy.logged(/"details":"ext_proc_error/)
      endStall()
      await stack.weir.logged('stall over')
      const discarded = { phase: 'response', effective: 'discarded', because: 'cancelled', bytesReleased: 0 }
      await vi.waitFor(() =>
        expect(stack.weir.lines.filter(({ msg }) => msg === 'decision')).toContainEqual(
          expect.objectContaining(discarded),
        ),
      )
      expect(stack.weir.lines.filter(({ msg }) => msg === 'fault')).toEqual([])
      const again = await answerOf(stack.chat(chatRequest('hello')))
      expect(again).toEqual({ status: 200, text: chatCompletion('an answer'), ended: 'complete' })
    },
  )
})

function noticesSoon(bootstrap: Bootstrap): void {
  Object.assign(extProcOf(bootstrap), { message_timeout: '1.5s' })
}
