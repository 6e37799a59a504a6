import { afterEach, expect, vi } from 'vitest'
import { type Bootstrap, clusterOf } from '../support/bootstrap.ts'
import { chatEvents, chatRequest } from '../support/chat.ts'
import { STREAM_TYPE, text } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { answerOf, asksForStream, type ServedStack, startServed, UNCHECKED } from './served-stack.ts'

// SIGSTOP stands for all that stops the process: a node without CPU, a debugger, a long collection of garbage.

const CONFIG = `
server: { log: { level: debug } }
guardrails: { words: { kind: keywords, words: [secret] } }
policies:
  - { name: all, guardrails: [{ use: words, direction: both }], stream: { delivery: window, headers: at_once } }
`

let stack: ServedStack
afterEach(() => stack.stop())

fault(
  {
    fault: 'Weir stands still for a while (SIGSTOP)',
    client: 'running and new exchanges wait, and go on as if nothing had been',
    log: 'the decisions, later; no `fault`',
    kept: 'every byte; nothing passes meanwhile; what is to be denied is denied',
  },
  async () => {
    stack = await startServed(CONFIG)
    const rest = gate()
    const [role, first, ...others] = chatEvents('an ', 'answer ', 'of many words')
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: [role!, first!, rest, ...others] })
    const running = Array.from({ length: 10 }, () => stack.chat(asksForStream))
    await Promise.all(running.map(client => client.until(role! + first!)))
    const received = () => stack.envoy.stats('cluster.llm.upstream_cx_rx_bytes_total')
    const before = await received()

    stack.weir.signal('SIGSTOP')
    rest.open()
    const denied = stack.chat(chatRequest('a secret', { stream: true }))
    // Envoy has all the rest of all answers, and the new request.
    const restBytes = others.join('').length * running.length
    await vi.waitUntil(async () => (await received()) >= before + restBytes, { interval: 10 })
    await vi.waitUntil(async () => (await stack.envoy.stats('http.llm.downstream_rq_active')) === 11)
    for (const { text: soFar } of running) expect(soFar).toBe(role! + first!)
    expect([denied.text, stack.upstream.requests.length]).toEqual(['', running.length])

    stack.weir.signal('SIGCONT')
    const whole = [role, first, ...others].join('')
    for (const client of running) {
      expect(await answerOf(client)).toEqual({ status: 200, text: whole, ended: 'complete' })
    }
    expect((await answerOf(denied)).text).toContain('Request blocked by policy')
    expect(stack.upstream.requests).toHaveLength(running.length)
    expect(await stack.metric('weir_exchanges_total{end="failed"}')).toBe(0)
    expect(stack.weir.lines.filter(({ msg }) => msg === 'fault')).toEqual([])
  },
)

fault(
  {
    fault: 'Weir stands still for longer than the keepalive of Envoy lets it (40 s in our configs)',
    client:
      'running streams: what was cleared, then a cut; else 503 with an API error; answers again afterwards',
    log: "`ext_proc_error…` in Envoy's access log; once it goes on, Weir's `decision` with `discarded`",
    kept: 'nothing that was not judged comes out, also once Weir goes on',
  },
  async () => {
    stack = await startServed(CONFIG, { overrides: noticesSoon })
    const rest = gate()
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: [text('an '), rest, text('a sec'), gate()] })
    const running = stack.chat(asksForStream)
    await running.until(text('an '))
    stack.weir.signal('SIGSTOP')
    const late = stack.chat(asksForStream)
    rest.open()
    expect(await answerOf(running)).toEqual({ status: 200, text: text('an '), ended: 'cut' })
    expect(await answerOf(late)).toEqual(UNCHECKED)
    expect(stack.upstream.requests).toHaveLength(1)

    stack.weir.signal('SIGCONT')
    const discarded = { effective: 'discarded', because: 'cancelled', bytesReleased: text('an ').length }
    const decisions = () =>
      stack.weir.lines.filter(({ msg, phase }) => msg === 'decision' && phase === 'response')
    await vi.waitFor(() => expect(decisions()).toMatchObject([discarded]))
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('fine') })
    const { text: again } = await answerOf(stack.chat(asksForStream))
    expect(again).toBe(chatEvents('fine').join(''))
    expect(await stack.metric('weir_held_bytes')).toBe(0)
  },
)

function noticesSoon(bootstrap: Bootstrap): void {
  const [options] = Object.values(Object(clusterOf(bootstrap, 'weir').typed_extension_protocol_options))
  Object(options).explicit_http_config.http2_protocol_options.connection_keepalive = {
    interval: '1s',
    timeout: '1s',
  }
}
