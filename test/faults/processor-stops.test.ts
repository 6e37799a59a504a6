import { afterEach, expect, test } from 'vitest'
import { chatEvents } from '../support/chat.ts'
import { watchHealth } from '../support/health-client.ts'
import { type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import type { RawExchange } from '../support/raw-client.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { type Gate, gate } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { answerOf, asksForStream, type ServedStack, startServed, UNCHECKED } from './served-stack.ts'

const AT_ONCE = 40

let lakera: LakeraStub
let stack: ServedStack
afterEach(async () => {
  await stack.stop()
  await lakera.close()
})

/** Local rules let the beginning of a stream go as it comes, and Lakera judges the rest. */
async function start(server = ''): Promise<void> {
  lakera = await startLakeraStub()
  stack = await startServed(`
server: { log: { level: debug }${server} }
guardrails:
  lakera: { kind: lakera, lakera_endpoint: "${lakera.url}" }
policies:
  - name: all
    guardrails: [{ use: lakera, direction: output }]
    stream: { delivery: window, headers: at_once, hold_back_chars: 0, window: { first_chars: 1 } }
`)
}

/** Many streams that have their first text; the rest comes when `rest` is opened. */
async function underLoad(): Promise<{ clients: readonly RawExchange[]; rest: Gate; sent: string }> {
  const rest = gate()
  const [role, first, ...others] = chatEvents('all ', 'is ', 'fine')
  stack.upstream.respond({ headers: STREAM_TYPE, chunks: [role!, first!, rest, ...others] })
  const clients = Array.from({ length: AT_ONCE }, () => stack.chat(asksForStream))
  await Promise.all(clients.map(client => client.until(role! + first!)))
  return { clients, rest, sent: [role, first, ...others].join('') }
}

fault(
  {
    fault: 'Weir gets SIGTERM under load',
    client: 'running streams: all of their answer; new requests: 503 with an API error, or another Weir',
    log: '`draining`, a `decision` for each stream, `stopped`; `/readyz` says 503 at once; exit code 0',
    kept: 'every running exchange is judged and delivered to its end',
  },
  async () => {
    await start()
    const { clients, rest, sent } = await underLoad()
    const health = watchHealth(stack.weir.address)
    await health.until('SERVING')
    stack.weir.signal('SIGTERM')
    await stack.weir.logged('draining')
    expect(await stack.weir.page('/readyz')).toContain('draining')
    await health.until('NOT_SERVING')
    health.close()
    const late = await answerOf(stack.chat(asksForStream))
    expect(late).toEqual(UNCHECKED)
    expect(stack.upstream.requests).toHaveLength(AT_ONCE)
    expect(stack.weir.lines.filter(({ msg }) => msg === 'decision')).toEqual([])

    rest.open()
    const answers = await Promise.all(clients.map(answerOf))
    expect(new Set(answers.map(answer => JSON.stringify(answer)))).toEqual(
      new Set([JSON.stringify({ status: 200, text: sent, ended: 'complete' })]),
    )
    expect(await stack.weir.ended).toBe(0)
    const decisions = stack.weir.lines.filter(({ msg }) => msg === 'decision')
    expect(decisions).toHaveLength(AT_ONCE)
    for (const decision of decisions) {
      expect(decision).toMatchObject({ phase: 'response', effective: 'released', because: 'clean' })
    }
    expect(stack.weir.lines.at(-1)).toMatchObject({ msg: 'stopped' })
    // All of every text was shown to the guard.
    const judged = lakera.requests.filter(({ messages }) => JSON.stringify(messages).includes('fine'))
    expect(judged).toHaveLength(AT_ONCE)
  },
)

fault(
  {
    fault: 'Weir gets a second signal while it drains',
    client: 'running streams: what was cleared, then a cut',
    log: '`draining`; exit code 1',
    kept: 'nothing that was held comes out',
  },
  async () => {
    await start()
    const { clients, rest } = await underLoad()
    // What comes now is asked about, and gets no verdict any more.
    const asked = lakera.requests.length
    lakera.failAlways({ kind: 'hang' })
    rest.open()
    await lakera.waitForRequests(asked + AT_ONCE)
    stack.weir.signal('SIGTERM')
    await stack.weir.logged('draining')
    stack.weir.signal('SIGTERM')
    expect(await stack.weir.ended).toBe(1)
    const first = chatEvents('all ').slice(0, 2).join('')
    for (const answer of await Promise.all(clients.map(answerOf))) {
      expect(answer).toEqual({ status: 200, text: first, ended: 'cut' })
    }
  },
)

test('what outlasts server.drain_ms is cut, and Weir ends', async () => {
  await start(', drain_ms: 1')
  const { clients, sent } = await underLoad()
  stack.weir.signal('SIGTERM')
  expect(await stack.weir.logged('draining')).toMatchObject({ deadlineMs: 1 })
  expect(await stack.weir.ended).toBe(0)
  for (const { text, ended } of await Promise.all(clients.map(answerOf))) {
    expect(ended).toBe('cut')
    expect(sent.startsWith(text)).toBe(true)
  }
})
