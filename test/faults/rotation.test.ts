import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { chatEvents, chatRequest } from '../support/chat.ts'
import { type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type ServiceFront, startServiceFront } from '../support/service-front.ts'
import { STREAM_TYPE, text } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { answerOf, asksForStream, type ServedStack, startServed } from './served-stack.ts'

const [ONE, TWO] = ['key-one', 'key-two']

let folder: string
let lakera: LakeraStub | undefined
let front: ServiceFront | undefined
let stack: ServedStack
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-rotation-'))
})
afterEach(async () => {
  await stack.stop()
  await front?.close()
  await lakera?.close()
  rmSync(folder, { recursive: true })
})

fault(
  {
    fault: 'a secret is rotated while streams run',
    client: 'its whole answer, running or new',
    log: '`secrets rotated`; a `decision` of each exchange',
    kept: 'running exchanges are judged to their end by the config they began with, new ones by the new one',
  },
  async () => {
    const file = join(folder, 'key')
    writeFileSync(file, ONE)
    lakera = await startLakeraStub()
    const service = await startServiceFront(new URL(lakera.url).origin)
    front = service
    // Both keys are taken: what counts is which one is shown.
    service.fault = { kind: 'body', body: '{"flagged":false}' }
    const keyOf = (text: string): string[] =>
      service.requests
        .filter(({ body }) => body.includes(text))
        .map(({ headers }) => String(headers.authorization).replace('Bearer ', ''))
    stack = await startServed(
      `
guardrails:
  lakera: { kind: lakera, api_key: "$secret://file${file}", lakera_endpoint: "${service.origin}/v2/guard" }
policies:
  - name: all
    guardrails: [{ use: lakera, direction: output }]
    stream:
      { delivery: window, hold_back_chars: 0, window: { first_chars: 1, growth: 1, context_chars: 0 } }
`,
      { env: { WEIR_SECRET_POLL_MS: '20' } },
    )
    const rest = gate()
    const [role, first, ...others] = chatEvents('the-beginning ', 'the-end')
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: [role!, first!, rest, ...others] })
    const running = Array.from({ length: 10 }, () => stack.chat(asksForStream))
    await Promise.all(running.map(client => client.until(role! + first!)))

    writeFileSync(file, TWO)
    await stack.weir.logged('secrets rotated')
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('another') })
    expect((await answerOf(stack.chat(asksForStream))).text).toBe(chatEvents('another').join(''))
    rest.open()
    const whole = [role, first, ...others].join('')
    for (const client of running) {
      expect(await answerOf(client)).toEqual({ status: 200, text: whole, ended: 'complete' })
    }
    expect(keyOf('the-beginning')).toEqual(Array(running.length).fill(ONE))
    expect(keyOf('the-end')).toEqual(Array(running.length).fill(ONE))
    expect(keyOf('another')).toEqual([TWO])
  },
)

const SWAPS = 20
/** The one word that is flagged after so many swaps; none is part of another. */
const wordOf = (swap: number): string => `word${String.fromCharCode(97 + swap)}`

fault(
  {
    fault: 'a list is changed many times while streams run',
    client: 'what the list of its beginning says: the whole answer, or the refusal',
    log: '`lists renewed` each time; `weir_snapshots_open`',
    kept: 'every stream is judged to its end by the list it began with; none of the old lists stays in memory after its last stream',
  },
  async () => {
    const file = join(folder, 'words')
    writeFileSync(file, wordOf(0))
    stack = await startServed(
      `
guardrails: { words: { kind: keywords, words_files: ["${file}"] } }
policies:
  - { name: all, guardrails: [{ use: words, direction: output }], stream: { delivery: window, headers: at_once } }
`,
      { env: { WEIR_SECRET_POLL_MS: '20' } },
    )
    const open = () => stack.metric('weir_snapshots_open')
    expect(await open()).toBe(1)
    const rest = gate()
    const [role, , ...end] = chatEvents('')
    const beginning = role! + text('fine ')
    stack.upstream.respond(async (request, reply) => {
      const last = JSON.parse((await request.complete).toString()).messages[0].content
      reply.head(200, STREAM_TYPE)
      await reply.send(beginning)
      await rest.opened
      // Once the refusal is out, Envoy resets what is left.
      for (const event of [text(last), ...end]) await reply.send(event).catch(() => {})
      reply.end()
    })
    const ask = (word: string) => stack.chat(chatRequest(word, { stream: true }))
    const streams: { readonly flagged: ReturnType<typeof ask>; readonly clean: ReturnType<typeof ask> }[] = []
    for (let swap = 0; swap <= SWAPS; swap++) {
      if (swap > 0) {
        writeFileSync(file, wordOf(swap))
        expect(await stack.weir.logged('lists renewed', swap)).toMatchObject({ changed: ['lists'] })
      }
      // The word that its own list has, and one that the newest of all lists will have.
      const [flagged, clean] = [ask(wordOf(swap)), ask(wordOf(swap === SWAPS ? 0 : SWAPS))]
      await Promise.all([flagged, clean].map(client => client.until(beginning)))
      streams.push({ flagged, clean })
    }
    expect(await open()).toBe(SWAPS + 1)
    rest.open()
    for (const [swap, { flagged, clean }] of streams.entries()) {
      const word = swap === SWAPS ? wordOf(0) : wordOf(SWAPS)
      const whole = [beginning, text(word), ...end].join('')
      expect(await answerOf(clean)).toEqual({ status: 200, text: whole, ended: 'complete' })
      const denied = await answerOf(flagged)
      expect([denied.status, denied.ended]).toEqual([200, 'complete'])
      expect(denied.text).toContain('Response blocked by policy')
      expect(denied.text).not.toContain(wordOf(swap))
    }
    await vi.waitFor(async () => expect(await open()).toBe(1))
  },
)

const configOf = (word: string): string => `
server: { log: { level: info } }
guardrails: { words: { kind: keywords, words: ["${word}"] } }
policies:
  - { name: all, guardrails: [{ use: words, direction: output }], stream: { delivery: window, headers: at_once } }
`

fault(
  {
    fault: 'the config is changed while streams run, then broken, then mended',
    client: 'what the config of its beginning says; the last good one while the file is broken',
    log: '`config reloaded`, `config not renewed` with each problem; `weir_renewals_total`',
    kept: 'every stream is judged to its end by the config it began with, and none runs without one',
  },
  async () => {
    stack = await startServed(configOf('heron'), { env: { WEIR_SECRET_POLL_MS: '20' } })
    const { weir } = stack
    const rest = gate()
    const [role, , ...end] = chatEvents('')
    const beginning = role! + text('fine ')
    stack.upstream.respond(async (request, reply) => {
      const last = JSON.parse((await request.complete).toString()).messages[0].content
      reply.head(200, STREAM_TYPE)
      await reply.send(beginning)
      await rest.opened
      for (const event of [text(last), ...end]) await reply.send(event).catch(() => {})
      reply.end()
    })
    const ask = (word: string) => stack.chat(chatRequest(word, { stream: true }))
    const begun = async (word: string) => {
      const client = ask(word)
      await client.until(beginning)
      return client
    }
    const old = { heron: await begun('heron'), egret: await begun('egret') }
    writeFileSync(weir.file, configOf('egret'))
    const reloaded = await weir.logged('config reloaded')
    expect(reloaded).toMatchObject({ changed: ['config'] })
    expect(JSON.parse(await weir.page('/config')).guardrails.words.words).toEqual(['egret'])
    const next = { heron: await begun('heron'), egret: await begun('egret') }
    writeFileSync(weir.file, configOf('stork').replace('use: words', 'use: nothing'))
    expect(await weir.logged('config not renewed')).toMatchObject({
      problems: [expect.stringContaining('policies.0.guardrails.0.use')],
    })
    const broken = { heron: await begun('heron'), egret: await begun('egret') }
    rest.open()
    const whole = (word: string) => [beginning, text(word), ...end].join('')
    for (const [streams, flagged, clean] of [
      [old, 'heron', 'egret'],
      [next, 'egret', 'heron'],
      [broken, 'egret', 'heron'],
    ] as const) {
      expect((await answerOf(streams[clean])).text).toBe(whole(clean))
      const denied = await answerOf(streams[flagged])
      expect(denied.text).toContain('Response blocked by policy')
      expect(denied.text).not.toContain(flagged)
    }
    writeFileSync(weir.file, configOf('stork'))
    await weir.logged('config reloaded', 2)
    expect(await stack.metric('weir_renewals_total{what="config",result="changed"}')).toBe(2)
    await vi.waitFor(async () => expect(await stack.metric('weir_snapshots_open')).toBe(1))
  },
)

fault(
  {
    fault: 'SIGHUP',
    client: 'nothing of it',
    log: '`config reloaded`, `config unchanged` or `config not renewed`',
    kept: 'the process goes on, with the config of today at once',
  },
  async () => {
    const hours = '3600000'
    stack = await startServed(configOf('heron'), { env: { WEIR_SECRET_POLL_MS: hours } })
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('an egret') })
    stack.weir.signal('SIGHUP')
    await stack.weir.logged('config unchanged')
    writeFileSync(stack.weir.file, configOf('egret'))
    stack.weir.signal('SIGHUP')
    await stack.weir.logged('config reloaded')
    expect((await answerOf(stack.chat(asksForStream))).text).toContain('Response blocked by policy')
  },
)
