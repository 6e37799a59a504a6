import { expect } from 'vitest'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from './chat.ts'
import type { Upstream } from './upstream.ts'

/** An LLM that clients reach through a proxy with Weir: `forbidden` is denied in prompts and in answers. */
export interface Guarded {
  /** Base URL, without a trailing slash. */
  readonly url: string
  readonly llm: Upstream
}

export interface Scenario {
  readonly name: string
  run(guarded: Guarded): Promise<void>
}

const JSON_TYPE = { 'content-type': 'application/json' }
const LARGE_CHARS = 300_000

export function askChat(guarded: Pick<Guarded, 'url'>, body: string, headers = {}): Promise<Response> {
  const url = `${guarded.url}/v1/chat/completions`
  return fetch(url, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body })
}

/** What has to hold wherever Weir is attached, and however. Each leaves the LLM as it likes. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a clean exchange passes as it is',
    async run(guarded) {
      guarded.llm.respond({ headers: JSON_TYPE, chunks: [chatCompletion('an answer')] })
      const body = chatRequest('hello')
      const before = guarded.llm.requests.length
      const answer = await askChat(guarded, body)
      expect([answer.status, await answer.text()]).toEqual([200, chatCompletion('an answer')])
      const { complete } = await guarded.llm.request(before)
      expect((await complete).toString()).toBe(body)
    },
  },
  {
    name: 'a clean stream passes as it is',
    async run(guarded) {
      const events = chatEvents('one ', 'two')
      guarded.llm.respond({ headers: { 'content-type': 'text/event-stream' }, chunks: events })
      const answer = await askChat(guarded, chatRequest('hello', { stream: true }))
      const text = (await answer.text()).replaceAll(/^:\n\n/gm, '')
      expect([answer.status, text]).toEqual([200, events.join('')])
    },
  },
  {
    name: 'a denied prompt gets an answer that says no, and never reaches the LLM',
    async run(guarded) {
      const before = guarded.llm.requests.length
      const answer = await askChat(guarded, chatRequest('forbidden'))
      expect([answer.status, answer.headers.get('x-weir-reason')]).toEqual([200, 'flagged'])
      expect(await answer.json()).toMatchObject({
        object: 'chat.completion',
        choices: [{ message: { content: 'Request blocked by policy' } }],
      })
      expect(guarded.llm.requests).toHaveLength(before)
    },
  },
  {
    name: 'a denied prompt of a client that streams gets a whole event stream',
    async run(guarded) {
      const answer = await askChat(guarded, chatRequest('forbidden', { stream: true }))
      expect(answer.headers.get('content-type')).toContain('text/event-stream')
      const read = readChatStream(await answer.bytes())
      expect(read).toMatchObject({ text: 'Request blocked by policy', done: 1 })
    },
  },
  {
    name: 'a denied answer is replaced, streamed or not',
    async run(guarded) {
      guarded.llm.respond({ headers: JSON_TYPE, chunks: [chatCompletion('a forbidden thing')] })
      const text = await (await askChat(guarded, chatRequest('hello'))).text()
      expect(text).toContain('Response blocked by policy')
      expect(text).not.toContain('forbidden')
      const chunks = chatEvents('a forbidden', ' thing')
      guarded.llm.respond({ headers: { 'content-type': 'text/event-stream' }, chunks })
      const stream = await askChat(guarded, chatRequest('hello', { stream: true }))
      const read = readChatStream(await stream.bytes())
      expect(read).toMatchObject({ text: 'Response blocked by policy', done: 1 })
    },
  },
  {
    name: 'a body of many buffers passes whole, and is judged to its end',
    async run(guarded) {
      guarded.llm.respond({ headers: JSON_TYPE, chunks: [chatCompletion('an answer')] })
      const before = guarded.llm.requests.length
      const body = chatRequest('word '.repeat(LARGE_CHARS / 5))
      expect((await askChat(guarded, body)).status).toBe(200)
      const { complete } = await guarded.llm.request(before)
      expect((await complete).toString()).toBe(body)
      const denied = await askChat(guarded, chatRequest(`${'word '.repeat(LARGE_CHARS / 5)}forbidden`))
      expect(await denied.text()).toContain('Request blocked by policy')
      expect(guarded.llm.requests).toHaveLength(before + 1)
    },
  },
]
