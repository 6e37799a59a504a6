import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { FLAG_MARKER, type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { flagWordAsItGrows, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { gate } from '../support/upstream.ts'

const STREAM_TYPE = { 'content-type': 'text/event-stream' }
const windowed = { ...policy().stream, delivery: 'window' as const, headers: 'on_first_release' as const }

/** Reads a streamed answer piece by piece. */
class StreamReader {
  #reader: ReadableStreamDefaultReader<Uint8Array>
  #bytes = Buffer.alloc(0)

  constructor(response: Response) {
    this.#reader = response.body!.getReader()
  }

  /** Resolves when the text of what has come satisfies `holds`. */
  async until(holds: (text: string) => boolean): Promise<string> {
    while (!holds(this.text)) {
      const { done, value } = await this.#reader.read()
      if (done) throw new Error(`the stream ended with: ${this.text}`)
      this.#bytes = Buffer.concat([this.#bytes, value])
    }
    return this.text
  }

  async rest(): Promise<Buffer> {
    for (let next = await this.#reader.read(); !next.done; next = await this.#reader.read()) {
      this.#bytes = Buffer.concat([this.#bytes, next.value])
    }
    return this.#bytes
  }

  get text(): string {
    return readChatStream(this.#bytes).text
  }
}

describe.each(['full-duplex', 'streamed'] as const)('delivery window through a real Envoy in %s', mode => {
  let stack: Stack
  let lakera: LakeraStub
  let snapshot: Snapshot | undefined
  beforeAll(async () => {
    stack = await startStack(mode)
    lakera = await startLakeraStub()
  })
  afterEach(async () => {
    await snapshot?.close()
    snapshot = undefined
  })
  afterAll(async () => {
    await stack.stop()
    await lakera.close()
  })
  const use = (overrides: Partial<Policy>): void =>
    stack.use(policySet(policy({ stream: windowed, ...overrides })))
  const useLakera = (window: string): void => {
    snapshot = snapshotOf(`
guardrails: { lakera: { kind: lakera, lakera_endpoint: "${lakera.url}" } }
policies:
  - name: chat
    guardrails: [{ use: lakera, direction: output }]
    stream: { delivery: window, hold_back_chars: 0, window: ${window} }
`)
    stack.use(snapshot.policySet)
  }

  test('local: the first tokens arrive while the upstream still writes', async () => {
    use({ outputRules: [rule(flagWordAsItGrows('secret'))] })
    const [role, first, ...rest] = chatEvents('early ', 'late')
    const hold = gate()
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: [role!, first!, hold, ...rest] })
    const reader = new StreamReader(await stack.chat(chatRequest('hello', { stream: true })))
    await reader.until(text => text === 'early ')
    hold.open()
    expect((await reader.rest()).toString()).toBe(chatEvents('early ', 'late').join(''))
    expect(await stack.weir.telemetry.decided('response')).toMatchObject({
      effective: 'released',
      delivery: 'window',
    })
  })

  test('local: a finding ends the stream as a refusal, after the clean text and with no part of itself', async () => {
    use({ outputRules: [rule(flagWordAsItGrows('secret'))] })
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('fine ', 'sec', 'ret ', 'more') })
    const response = await stack.chat(chatRequest('hello', { stream: true }))
    const bytes = await new StreamReader(response).rest()
    const seen = readChatStream(bytes)
    expect(seen).toMatchObject({ finish: 'content_filter', done: 1, roles: 1 })
    expect(seen.text).toMatch(/^(?:fine \s*)?Response blocked by policy$/)
    expect(bytes.toString()).not.toContain('sec')
  })

  test('local: a redacted stream changes in its text alone', async () => {
    use({ outputRules: [rule(flagWordAsItGrows('secret'), 'redact')] })
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('a sec', 'ret', ' word') })
    const response = await stack.chat(chatRequest('hello', { stream: true }))
    const bytes = await new StreamReader(response).rest()
    expect(bytes.toString()).toBe(chatEvents('a <WORD>', '', ' word').join(''))
    expect(await stack.weir.telemetry.decided('response')).toMatchObject({ effective: 'redacted' })
  })

  test('remote: the first window is out before the upstream ends', async () => {
    useLakera('{ first_chars: 10 }')
    const [role, first, ...rest] = chatEvents('twelve chars', ' and the rest')
    const hold = gate()
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: [role!, first!, hold, ...rest] })
    const reader = new StreamReader(await stack.chat(chatRequest('hello', { stream: true })))
    // In STREAMED bytes leave in the place of a chunk: the verdict's own.
    await reader.until(text => text === 'twelve chars')
    hold.open()
    expect((await reader.rest()).toString()).toBe(chatEvents('twelve chars', ' and the rest').join(''))
  })

  test('remote: a window is scanned after a while, though the upstream is silent', async () => {
    if (mode === 'streamed') return
    useLakera('{ first_chars: 1000, max_held_ms: 20 }')
    const [role, first, ...rest] = chatEvents('short', ' rest')
    const hold = gate()
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: [role!, first!, hold, ...rest] })
    const reader = new StreamReader(await stack.chat(chatRequest('hello', { stream: true })))
    await reader.until(text => text === 'short')
    hold.open()
    await reader.rest()
  })

  test('remote: the openai client reads the clean windows and then the refusal', async () => {
    useLakera('{ first_chars: 5, growth: 1 }')
    const client = new OpenAI({ apiKey: 'sk-test', baseURL: `${stack.envoy.address}/v1` })
    stack.upstream.respond({
      headers: STREAM_TYPE,
      chunks: chatEvents('clean text. ', `so ${FLAG_MARKER} it is`),
    })
    const run = client.chat.completions.stream({
      model: 'gpt-test',
      messages: [{ role: 'user', content: 'hello' }],
    })
    const choice = (await run.finalChatCompletion()).choices[0]
    expect(choice?.message.content).toMatch(/^(?:clean text\. \s*)?Response blocked by policy$/)
    expect(choice?.message.content).not.toContain(FLAG_MARKER)
    expect(choice?.finish_reason).toBe('content_filter')
  })

  test('local: nothing released yet, full duplex: a denial is an answer with its own status', async () => {
    if (mode === 'streamed') return
    use({ outputRules: [rule(flagWordAsItGrows('secret'))], denyCode: 403 })
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('secret') })
    const response = await stack.chat(chatRequest('hello', { stream: true }))
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ error: { code: 'content_filter' } })
  })
})
