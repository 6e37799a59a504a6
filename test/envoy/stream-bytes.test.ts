import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { sendRaw } from '../support/raw-request.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { type Gate, gate } from '../support/upstream.ts'

const BEAT = ':\n\n'
const BOM = '\ufeff'
const withoutBeats = (text: string): string => text.replaceAll(BEAT, '')
const guarded = (heartbeatMs: number) =>
  policySet(policy({ outputRules: [rule(flagWord('secret'))], stream: { ...policy().stream, heartbeatMs } }))

async function* textsOf(response: Response): AsyncGenerator<string> {
  for await (const chunk of response.body ?? []) yield Buffer.from(chunk).toString()
}

describe.each(ENVOY_MODES)('the bytes of a withheld answer, Envoy in %s', mode => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack(mode)
  })
  afterAll(() => stack.stop())

  const ask = (): Promise<Response> => stack.chat(chatRequest('hello', { stream: true }))
  const asRaw = (stream: boolean) =>
    sendRaw(stack.envoy.address, {
      target: '/v1/chat/completions',
      headers: { 'content-type': 'application/json' },
      body: [chatRequest('hello', { stream })],
    })

  if (mode === 'full-duplex') {
    test('a heartbeat comes by itself, behind the byte order mark of a stream that has one', async () => {
      stack.use(guarded(5))
      const events = chatEvents('fine').join('')
      const split = events.indexOf('\n\n') + 20
      const hold = gate()
      stack.upstream.respond({
        headers: { 'content-type': 'text/event-stream' },
        // Ends within an event, so that a heartbeat anywhere else would stand inside of it.
        chunks: [BOM + events.slice(0, split), hold, events.slice(split)],
      })
      let text = ''
      for await (const piece of textsOf(await ask())) {
        text += piece
        if (text.includes(BEAT)) hold.open()
      }
      expect(text.startsWith(BOM + BEAT)).toBe(true)
      expect(withoutBeats(text)).toBe(BOM + events)
    })

    test('there is no heartbeat before the first chunk of the upstream', async () => {
      stack.use(guarded(5))
      const events = chatEvents('fine')
      const begins = gate()
      const script = (chunks: readonly (string | Gate)[]) =>
        stack.upstream.respond({ headers: { 'content-type': 'text/event-stream' }, chunks })
      script([begins, ...events])
      const waiting = await ask()
      // By the time that this one, which began later, has had two, the other would have had one; Envoy cuts such a stream.
      const goesOn = gate()
      script([events[0]!, goesOn, ...events.slice(1)])
      let beats = ''
      for await (const piece of textsOf(await ask())) {
        beats += piece
        if (beats.startsWith(BEAT + BEAT)) goesOn.open()
      }
      begins.open()
      expect(withoutBeats(await waiting.text())).toBe(events.join(''))
    })
  }

  if (mode === 'streamed') {
    test('a heartbeat takes the place of a withheld chunk, once one is due', async () => {
      stack.use(guarded(5))
      const [role, token, ...rest] = chatEvents('fine ')
      const beaten = gate()
      let hasBeaten = false
      let sent = ''
      stack.upstream.respond(async (_, reply) => {
        const send = async (chunk: string): Promise<void> => {
          sent += chunk
          await reply.send(chunk)
        }
        reply.head(200, { 'content-type': 'text/event-stream' })
        await send(role!)
        // Nothing leaves but in the place of a chunk: they come until one was a heartbeat.
        while (!hasBeaten) {
          await send(token!)
          await new Promise(setImmediate)
        }
        await beaten.opened
        for (const chunk of rest) await send(chunk)
        reply.end()
      })
      let text = ''
      for await (const piece of textsOf(await ask())) {
        if (text === '') expect(piece.startsWith(BEAT)).toBe(true)
        text += piece
        hasBeaten = true
        beaten.open()
      }
      expect(withoutBeats(text)).toBe(sent)
    })
  }

  if (mode === 'buffered') {
    test('there is no heartbeat where nothing leaves before the end', async () => {
      stack.use(guarded(0))
      const events = chatEvents('one ', 'two')
      stack.upstream.respond({ headers: { 'content-type': 'text/event-stream' }, chunks: events })
      const response = await ask()
      expect(await response.text()).toBe(events.join(''))
    })
  }

  test('an event stream loses its coding with its header reply', async () => {
    stack.use(guarded(5000))
    const events = chatEvents('fine').join('')
    stack.upstream.respond({
      headers: { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' },
      chunks: [gzipSync(events)],
    })
    const { headers, body } = await asRaw(true)
    expect(headers['content-encoding']).toBeUndefined()
    expect(withoutBeats(body.toString())).toBe(events)
  })

  test('a JSON answer that nothing changes goes out in the coding that it came in', async () => {
    stack.use(guarded(5000))
    const coded = gzipSync(chatCompletion('fine'))
    stack.upstream.respond({
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      chunks: [coded],
    })
    const { headers, body } = await asRaw(false)
    expect(headers['content-encoding']).toBe('gzip')
    expect(body.equals(coded)).toBe(true)
  })
})
