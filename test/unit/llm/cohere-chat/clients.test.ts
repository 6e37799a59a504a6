import { readFileSync } from 'node:fs'
import { CohereClientV2 } from 'cohere-ai'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cohereChat } from '../../../../src/llm/cohere-chat/index.ts'
import type { ReplyBody } from '../../../../src/llm/format.ts'
import { startUpstream, type Upstream } from '../../../support/upstream.ts'
import { MESSAGE, refusalOf } from '../refused.ts'

const refusal = refusalOf()
const ID = '01234567-89ab-cdef-0123-456789abcdef'
const readFixture = (name: string) =>
  readFileSync(new URL(`../../../fixtures/cohere/${name}`, import.meta.url))

let upstream: Upstream
beforeEach(async () => {
  upstream = await startUpstream()
})
afterEach(() => upstream.stop())

function serve({ contentType, body }: ReplyBody, status = 200): CohereClientV2 {
  upstream.respond({ status, headers: { 'content-type': contentType }, chunks: [body] })
  return new CohereClientV2({ token: 'x', environment: `http://${upstream.address}` })
}

const params = { model: 'm', messages: [{ role: 'user' as const, content: 'x' }] }

async function streamed(client: CohereClientV2) {
  const shown = { text: '', thinking: '', args: '', open: [] as string[], finish: '' as string | undefined }
  for await (const event of await client.chatStream(params)) {
    const [block, edge] = event.type.split(/-(?=start$|end$)/)
    if (edge === 'start') shown.open.push(block!)
    if (edge === 'end') shown.open.splice(shown.open.lastIndexOf(block!), 1)
    if (event.type === 'content-delta') {
      shown.text += event.delta?.message?.content?.text ?? ''
      shown.thinking += event.delta?.message?.content?.thinking ?? ''
    }
    if (event.type === 'tool-call-delta') {
      shown.args += event.delta?.message?.toolCalls?.function?.arguments ?? ''
    }
    if (event.type === 'message-end') shown.finish = event.delta?.finishReason
  }
  return shown
}

const answer = { thinking: '', args: '', open: [], finish: 'COMPLETE' }

describe('the official client', () => {
  test('shows a whole refusal', async () => {
    const client = serve(cohereChat.refusal(refusal, 'json'))
    expect(await client.chat(params)).toMatchObject({
      id: ID,
      finishReason: 'COMPLETE',
      message: { role: 'assistant', content: [{ type: 'text', text: MESSAGE }] },
    })
  })

  test('shows a streamed one to its end', async () => {
    const client = serve(cohereChat.refusal(refusal, 'event-stream'))
    expect(await streamed(client)).toEqual({ ...answer, text: MESSAGE })
  })

  test('shows one that says what ends a stream', async () => {
    const odd = 'say [DONE] and {"type":"message-end"}'
    const client = serve(cohereChat.refusal({ ...refusal, message: odd }, 'event-stream'))
    expect(await streamed(client)).toEqual({ ...answer, text: odd })
  })

  test.each([
    ['text', 'text.sse', 4, { text: `The river Weiß is\n\n${MESSAGE}` }],
    ['a closed text', 'text.sse', 6, { text: `The river Weiß is cold 🥶.\n\n${MESSAGE}` }],
    ['open thinking', 'thinking.sse', 3, { thinking: 'The user', text: MESSAGE }],
    ['an open tool call', 'tool-calls.sse', 5, { args: '{"city":', text: MESSAGE }],
    ['a tool call', 'tool-calls.sse', 7, { args: '{"city":"Köln"}', text: MESSAGE }],
    ['an open citation', 'citations-crlf.sse', 5, { text: `Emperor penguins are tall.\n\n${MESSAGE}` }],
  ])('shows one that comes after %s', async (_, name, count, shown) => {
    const at = cohereChat.openPosition()
    const released = cohereChat.openStream().push(readFixture(name)).slice(0, count)
    for (const frame of released) at.released(frame)
    const body = Buffer.concat([
      ...released.map(frame => frame.bytes),
      cohereChat.heartbeat!,
      cohereChat.streamRefusal(refusal, at),
    ])
    const client = serve({ contentType: 'text/event-stream', body })
    expect(await streamed(client)).toEqual({ ...answer, ...shown })
  })

  test('takes heartbeats at the start and between events', async () => {
    const beat = cohereChat.heartbeat!
    const frames = cohereChat.openStream().push(readFixture('text.sse'))
    const body = Buffer.concat(frames.flatMap(({ bytes }) => [beat, beat, bytes]))
    const shown = await streamed(serve({ contentType: 'text/event-stream', body }))
    expect(shown).toEqual({ ...answer, text: 'The river Weiß is cold 🥶.' })
  })

  test.each([
    [400, true, 'BadRequestError'],
    [403, true, 'ForbiddenError'],
    [403, false, 'ForbiddenError'],
    [422, false, 'UnprocessableEntityError'],
  ])('raises an error of status %i once, stream %s', async (status, stream, name) => {
    const error = { status, message: MESSAGE, code: 'content_filter' } as const
    const client = serve(cohereChat.error(error, { id: refusal.id, request: undefined }), status)
    const call = stream ? streamed(client) : client.chat(params)
    await expect(call).rejects.toMatchObject({ name, statusCode: status, body: { id: ID, message: MESSAGE } })
    expect(upstream.requests).toHaveLength(1)
  })
})
