import { afterEach, describe, expect, test } from 'vitest'
import { extProcOf } from '../support/bootstrap.ts'
import { chatCompletion, chatEvents, chatRequest, readChatStream } from '../support/chat.ts'
import { flagWord, flagWordAsItGrows, policy, policySet, rule } from '../support/policies.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { type Gate, gate } from '../support/upstream.ts'

const WORD = 'secret'
const DONE = 'data: [DONE]\n\n'

let stack: Stack | undefined
afterEach(async () => {
  await stack?.stop()
  stack = undefined
})

/** Streams `fine `, then what is flagged, then nothing before `goesOn`. Reads until the refusal is whole. */
async function deniedMidway(to: Stack, goesOn: Gate) {
  const stream = { ...policy().stream, delivery: 'window' as const }
  to.use(policySet(policy({ outputRules: [rule(flagWordAsItGrows(WORD))], stream })))
  const [role, fine, flagged, ...rest] = chatEvents('fine ', `a ${WORD}`, 'behind it')
  const released = gate()
  to.upstream.respond({
    headers: { 'content-type': 'text/event-stream' },
    chunks: [role!, fine!, released, flagged!, goesOn, ...rest],
  })
  const response = await to.chat(chatRequest('hello', { stream: true }))
  const reader = response.body!.getReader()
  let text = ''
  const readUntil = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      const { done, value } = await reader.read()
      if (done) return
      text += Buffer.from(value).toString()
    }
  }
  await readUntil(() => text.includes('fine '))
  released.open()
  await readUntil(() => text.endsWith(DONE))
  const refusal = text
  return {
    refusal,
    /** What comes behind the terminator, to the end of the body. */
    async rest(): Promise<string> {
      await readUntil(() => false)
      return text.slice(refusal.length)
    },
  }
}

describe('a stream that is denied in its middle', () => {
  test('ends at once in full duplex, and lets the upstream go', async () => {
    stack = await startStack('full-duplex')
    const { refusal, rest } = await deniedMidway(stack, gate())
    expect(readChatStream(Buffer.from(refusal))).toEqual({
      text: 'fine \n\nResponse blocked by policy',
      finish: 'content_filter',
      done: 1,
      roles: 1,
    })
    // The upstream is silent and has not ended.
    expect(await rest()).toBe('')
    await stack.upstream.requests.at(-1)!.aborted
  })

  test('has its terminator at once in STREAMED, nothing behind it, and ends with the upstream', async () => {
    stack = await startStack('streamed')
    const goesOn = gate()
    const { refusal, rest } = await deniedMidway(stack, goesOn)
    expect(readChatStream(Buffer.from(refusal))).toEqual({
      text: 'fine \n\nResponse blocked by policy',
      finish: 'content_filter',
      done: 1,
      roles: 1,
    })
    goesOn.open()
    expect(await rest()).toBe('')
    expect(await stack.weir.telemetry.decided('response')).toMatchObject({ effective: 'denied' })
  })
})

describe('a JSON answer that is denied in STREAMED, where Envoy lets no mode be overridden', () => {
  test('is the refusal in the place of its last chunk, under the status that is out', async () => {
    stack = await startStack('streamed', {
      overrides: config => Object.assign(extProcOf(config), { allow_mode_override: false }),
    })
    stack.use(policySet(policy({ outputRules: [rule(flagWord(WORD))], denyCode: 403 })))
    const answer = chatCompletion(`the ${WORD} is out`)
    // An answer that has ended by the time that its headers are replied to is held by Envoy as in BUFFERED.
    const goesOn = gate()
    stack.upstream.respond({
      headers: { 'content-type': 'application/json' },
      chunks: [answer.slice(0, 40), goesOn, answer.slice(40, 90), answer.slice(90)],
    })
    const pending = stack.chat(chatRequest('hello'))
    const { telemetry } = stack.weir
    await telemetry.until(() => telemetry.heldBytes === 40)
    goesOn.open()
    const response = await pending
    const body = await response.text()
    expect(response.status).toBe(200)
    expect(body).not.toContain(WORD)
    expect(JSON.parse(body)).toMatchObject({ error: { message: 'Response blocked by policy' } })
  })
})
