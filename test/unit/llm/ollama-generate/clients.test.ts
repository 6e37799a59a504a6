import { readFileSync } from 'node:fs'
import { Ollama } from 'ollama'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { ReplyBody } from '../../../../src/llm/format.ts'
import { ollamaGenerate } from '../../../../src/llm/ollama-generate/index.ts'
import { startUpstream, type Upstream } from '../../../support/upstream.ts'
import { MESSAGE, refusalOf } from '../refused.ts'

const refusal = refusalOf()
const recorded = readFileSync(new URL('../../../fixtures/ollama/generate-text.ndjson', import.meta.url))

let upstream: Upstream
beforeEach(async () => {
  upstream = await startUpstream()
})
afterEach(() => upstream.stop())

function serve({ contentType, body }: ReplyBody, status = 200): Ollama {
  upstream.respond({ status, headers: { 'content-type': contentType }, chunks: [body] })
  return new Ollama({ host: `http://${upstream.address}` })
}

async function streamed(client: Ollama) {
  const shown = { text: '', reason: '', lines: 0 }
  for await (const part of await client.generate({ model: 'm', prompt: 'x', stream: true })) {
    shown.lines += 1
    shown.text += part.response
    shown.reason = part.done_reason
  }
  return shown
}

describe('the official client', () => {
  test('shows a whole refusal', async () => {
    const client = serve(ollamaGenerate.refusal(refusal, 'json'))
    const answer = await client.generate({ model: 'm', prompt: 'x' })
    expect(answer).toMatchObject({ response: MESSAGE, done: true, done_reason: 'stop' })
  })

  test('shows a streamed one to its end', async () => {
    const client = serve(ollamaGenerate.refusal(refusal, 'event-stream'))
    expect(await streamed(client)).toEqual({ text: MESSAGE, reason: 'stop', lines: 2 })
  })

  test('shows one that comes after text', async () => {
    const at = ollamaGenerate.openPosition()
    const released = ollamaGenerate.openStream().push(recorded).slice(0, 2)
    for (const frame of released) at.released(frame)
    const frames = [...released.map(({ bytes }) => bytes), ollamaGenerate.streamRefusal(refusal, at)]
    const client = serve({ contentType: 'application/x-ndjson', body: Buffer.concat(frames) })
    expect(await streamed(client)).toEqual({
      text: `The river Weiß is\n\n${MESSAGE}`,
      reason: 'stop',
      lines: 4,
    })
  })

  test('takes heartbeats at the start and between lines, and says nothing of them', async () => {
    const warn = vi.spyOn(console, 'warn')
    const beat = ollamaGenerate.heartbeat!
    const frames = ollamaGenerate.openStream().push(recorded)
    const body = Buffer.concat(frames.flatMap(({ bytes }) => [beat, bytes]))
    const shown = await streamed(serve({ contentType: 'application/x-ndjson', body }))
    expect(shown).toEqual({ text: 'The river Weiß is cold 🥶.', reason: 'stop', lines: 8 })
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })

  test.each([true, false])('raises an error, stream %s', async stream => {
    const error = ollamaGenerate.error({ status: 403, message: MESSAGE, code: 'content_filter' })
    const client = serve(error, 403)
    const call = stream ? streamed(client) : client.generate({ model: 'm', prompt: 'x' })
    await expect(call).rejects.toMatchObject({ name: 'ResponseError', status_code: 403, message: MESSAGE })
  })
})
