import { readFileSync } from 'node:fs'
import { Ollama } from 'ollama'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { ReplyBody } from '../../../../src/llm/format.ts'
import { ollamaChat } from '../../../../src/llm/ollama-chat/index.ts'
import { startUpstream, type Upstream } from '../../../support/upstream.ts'
import { MESSAGE, refusalOf } from '../refused.ts'

const refusal = refusalOf()

let upstream: Upstream
beforeEach(async () => {
  upstream = await startUpstream()
})
afterEach(() => upstream.stop())

function serve({ contentType, body }: ReplyBody, status = 200): Ollama {
  upstream.respond({ status, headers: { 'content-type': contentType }, chunks: [body] })
  return new Ollama({ host: `http://${upstream.address}` })
}

const messages = [{ role: 'user', content: 'x' }]

async function streamed(client: Ollama) {
  const shown = { text: '', calls: [] as string[], reason: '', lines: 0 }
  for await (const part of await client.chat({ model: 'm', messages, stream: true })) {
    shown.lines += 1
    shown.text += part.message.content
    shown.calls.push(...(part.message.tool_calls ?? []).map(call => call.function.name))
    shown.reason = part.done_reason
  }
  return shown
}

describe('the official client', () => {
  test('shows a whole refusal', async () => {
    const client = serve(ollamaChat.refusal(refusal, 'json'))
    const answer = await client.chat({ model: 'm', messages })
    expect(answer.message).toEqual({ role: 'assistant', content: MESSAGE })
    expect(answer).toMatchObject({ done: true, done_reason: 'stop' })
  })

  test('shows a streamed one to its end', async () => {
    const client = serve(ollamaChat.refusal(refusal, 'event-stream'))
    expect(await streamed(client)).toEqual({ text: MESSAGE, calls: [], reason: 'stop', lines: 2 })
  })

  test.each([
    ['text', 'chat-text.ndjson', 2, `The river Weiß is\n\n${MESSAGE}`, []],
    ['thinking', 'chat-thinking.ndjson', 1, MESSAGE, []],
    ['a tool call', 'chat-tool-calls.ndjson', 1, MESSAGE, ['get_weather']],
  ])('shows one that comes after %s', async (_, name, count, text, calls) => {
    const bytes = readFileSync(new URL(`../../../fixtures/ollama/${name}`, import.meta.url))
    const at = ollamaChat.openPosition()
    const released = ollamaChat.openStream().push(bytes).slice(0, count)
    for (const frame of released) at.released(frame)
    const body = Buffer.concat([...released.map(frame => frame.bytes), ollamaChat.streamRefusal(refusal, at)])
    const client = serve({ contentType: 'application/x-ndjson', body })
    expect(await streamed(client)).toMatchObject({ text, calls, reason: 'stop' })
  })

  test('takes heartbeats at the start and between lines, and says nothing of them', async () => {
    const warn = vi.spyOn(console, 'warn')
    const [first, ...rest] = ollamaChat
      .openStream()
      .push(readFileSync(new URL('../../../fixtures/ollama/chat-text.ndjson', import.meta.url)))
    const beat = ollamaChat.heartbeat!
    const body = Buffer.concat([beat, beat, first!.bytes, beat, ...rest.map(frame => frame.bytes)])
    const shown = await streamed(serve({ contentType: 'application/x-ndjson', body }))
    expect(shown).toEqual({ text: 'The river Weiß is cold 🥶.', calls: [], reason: 'stop', lines: 7 })
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })

  test.each([true, false])('raises an error, stream %s', async stream => {
    const error = ollamaChat.error({ status: 403, message: MESSAGE, code: 'content_filter' })
    const client = serve(error, 403)
    const call = stream ? streamed(client) : client.chat({ model: 'm', messages })
    await expect(call).rejects.toMatchObject({ name: 'ResponseError', status_code: 403, message: MESSAGE })
    expect(upstream.requests).toHaveLength(1)
  })
})
